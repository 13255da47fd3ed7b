"""The notebooks run from start to end, and are committed without results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_some() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["backbone_design", "design_ranking", "refinement"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_results(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None, f"{path.name}: clear all outputs"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path) -> None:
    """In a process of its own: its kernel is one anyway."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    before = {p for p in path.parent.rglob("*") if ".ipynb_checkpoints" not in p.parts}
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "hooks" / "notebook_pages.py", path],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    assert "data:image/svg+xml" in made.stdout and "<table>" in made.stdout
    assert {p for p in path.parent.rglob("*") if ".ipynb_checkpoints" not in p.parts} == before, "it left files behind"
