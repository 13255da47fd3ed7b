"""Structures of an earlier run are not written over unless that is asked for, by any command with a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

COMMANDS = {
    "refine": ["refine", "-o", "DIR", "--steps", "0"],
    "pack": ["pack", "-o", "DIR"],
    "design": ["design", "--structures", "DIR", "--backbone-only"],
    "scan": ["scan", "--structures", "DIR", "--mutant", "A:K5E"],
}


def call(command: str, path: Path, out: Path, weights: dict[str, str], *more: str) -> Any:
    """The command on a file."""
    task = {"refine": "refinement", "pack": "packing"}.get(command, "design")
    given = [str(out) if word == "DIR" else word for word in COMMANDS[command]]
    packer = ["--packing-weights", weights["packing"]] if command == "scan" else []
    return CliRunner().invoke(app, [*given, str(path), "--device", "cpu", "--weights", weights[task], *packer, *more])


@pytest.mark.parametrize("command", COMMANDS)
def test_an_earlier_run_is_not_overwritten(command: str, folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out, good = tmp_path / "made", folder / "good.pdb"
    assert call(command, good, out, weights).exit_code == 0
    made = {path: path.read_bytes() for path in out.iterdir()}
    (structure,) = [path for path in made if path.suffix == ".pdb"]
    structure.write_text("mine\n")
    again = call(command, good, out, weights)
    printed = "".join(again.output.replace("│", "").split())
    assert again.exit_code in (1, 2) and "isthere fromanearlierrun".replace(" ", "") in printed and "--force" in printed
    assert structure.name in printed and structure.read_text() == "mine\n"
    assert all(path.read_bytes() == data for path, data in made.items() if path != structure)
    (other := folder / "other.pdb").write_text(good.read_text())
    assert call(command, other, out, weights).exit_code == 0, "other files may go to this folder"
    assert call(command, good, out, weights, "--force").exit_code == 0
    assert structure.read_bytes() == made[structure]


def test_sequences_packed_earlier_are_not_overwritten(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out, good, fasta = tmp_path / "made", folder / "good.pdb", tmp_path / "x.fasta"
    fasta.write_text(">new\nAAELKVGSAWIC\n>newer\nAAELKVGSAWIK\n")
    assert call("pack", good, out, weights, "--sequences", str(fasta)).exit_code == 0
    assert call("pack", good, out, weights, "--sequences", str(fasta)).exit_code == 2
    assert call("pack", good, out, weights).exit_code == 0, "it has another name"
    assert call("pack", good, out, weights, "--samples", "2").exit_code == 2


def test_a_run_that_goes_on_may_overwrite(folder: Path, weights: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "made"
    assert call("refine", folder / "good.pdb", out, weights).exit_code == 0
    (out / "refine.csv").unlink()  # as if the machine had failed before the table was there
    assert call("refine", folder / "good.pdb", out, weights, "--skip-existing").exit_code == 0
