"""The notebooks are committed with what their cells give, and give the same when they run."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.agreement import agrees

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LARGEST = 200_000
"""Bytes of a notebook with its outputs."""


def cells(path: Path) -> list[dict[str, Any]]:
    """Those that hold code."""
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


def lines(cell: dict[str, Any]) -> Iterator[str]:
    """The text of what a cell gave: printed lines, values, cells of tables; of a figure only that it is one."""
    for output in cell["outputs"]:
        data = output.get("data", {})
        if output["output_type"] == "stream":
            text = "".join(output["text"])
        elif "text/html" in data:
            body = "".join(data["text/html"])
            text = "a figure" if body.lstrip().startswith("<svg") else html.unescape(re.sub("<[^>]+>", "\n", body))
        else:
            text = "".join(data["text/plain"])
        yield from (line for line in text.splitlines() if line.strip())


def test_there_are_some() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["backbone_design", "design_ranking", "refinement"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_with_its_outputs(path: Path) -> None:
    """Of one run from start to end, small, with nothing of the machine in them."""
    found = cells(path)
    assert [cell["execution_count"] for cell in found] == [*range(1, len(found) + 1)], (
        "run docs/hooks/notebook_pages.py"
    )
    assert any(output.get("data", {}).get("text/html") for cell in found for output in cell["outputs"])
    assert path.stat().st_size < LARGEST
    for cell in found:
        assert "execution" not in cell["metadata"], "times differ from run to run"
        assert all(output.get("name") != "stderr" for output in cell["outputs"])
        assert not re.search(r"(?:/home|/root|/tmp|/usr|/work|[A-Z]:\\\\)[/\\]", json.dumps(cell["outputs"]))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_what_is_stored(path: Path, tmp_path: Path) -> None:
    """In a process of its own: its kernel is one anyway."""
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    (tmp_path / "notebooks").mkdir()
    copy = Path(shutil.copy(path, tmp_path / "notebooks"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "hooks" / "notebook_pages.py", copy],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert made.returncode == 0, made.stderr[-3000:]
    for stored, run in zip(cells(path), cells(copy), strict=True):
        wanted, found = list(lines(stored)), list(lines(run))
        assert len(wanted) == len(found), stored["source"]
        for one, other in zip(wanted, found, strict=True):
            assert agrees(one, other), f"{stored['source']}\nstored: {one}\ngiven:  {other}"
    assert [file.name for file in copy.parent.iterdir() if file.name != ".ipynb_checkpoints"] == [path.name]
