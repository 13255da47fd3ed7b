"""`scan --interface`: what mutations do to binding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.io import read_structure
from protein_enn.scoring import scan

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, helix: Callable[..., str]) -> Path:
    """Two chains that touch."""
    path = tmp_path_factory.mktemp("pair") / "pair.pdb"
    second = [
        line[:30] + f"{float(line[30:38]) + 8:8.3f}" + line[38:] if line.startswith("ATOM") else line
        for line in helix(chain="B").splitlines()
    ]
    atoms = [line for line in [*helix().splitlines(), *second] if line.startswith("ATOM")]
    path.write_text("\n".join([*atoms, "END", ""]))
    return path


def asked(pair: Path, weights: dict[str, str], *more: str, status: int = 0) -> list[dict[str, Any]]:
    command = ["scan", str(pair), "--weights", weights["design"], "--device", "cpu", "--json", *more]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == status, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_it_is_the_scan_of_the_interface(pair: Path, weights: dict[str, str]) -> None:
    (answer,) = asked(pair, weights, "--interface", "A|B")
    expected = scan(read_structure(pair), groups="A|B", predictor=weights["design"], device="cpu")
    assert answer["estimator"] == "binding" and answer["groups"] == "A|B"
    scores = [row["score"] for row in answer["mutations"]]
    assert scores == pytest.approx([row["score"] for row in expected.rows()], abs=1e-6) and any(scores)


def test_named_mutants_and_all_sides(pair: Path, weights: dict[str, str]) -> None:
    named, every = (
        asked(pair, weights, "--interface", sides, "--mutant", "A:L4W,B:K5E")[0] for sides in ("A|B", "all")
    )
    assert named["score"] == every["score"] != 0 and named["estimator"] == "binding"


def test_what_cannot_be_is_refused(pair: Path, weights: dict[str, str]) -> None:
    (failed,) = asked(pair, weights, "--interface", "A|Z", status=1)
    assert "no protein chain 'Z'" in failed["error"]
    command = ["scan", str(pair), "--interface", "A|B", "--estimator", "single"]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 2 and "leave it out" in " ".join(result.output.split())
