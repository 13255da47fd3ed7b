"""`evaluate refinement` writes what it is asked for; options of one task are none of another."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.io import read_structure, write_structure
from protein_enn.predictor import untrained

RUNNER = CliRunner()


def test_every_output(examples: Path, tmp_path: Path) -> None:
    write_structure(read_structure(examples / "1bhl.pdb").take(torch.arange(8, 24)), tmp_path / "one.pdb")
    (tmp_path / "chains.tsv").write_text("file\tchain\tcluster\tsplit\tset\none.pdb\tA\t1\ttest\ttest\n")
    weights = tmp_path / "w.safetensors"
    untrained("refinement", {"k": 8, "encoder_settings": {"channels": 4}}).save(weights)
    out, table, plot = tmp_path / "m.json", tmp_path / "t.csv", tmp_path / "c.svg"
    command = ["evaluate", "refinement", "--data", str(tmp_path), "--split", "natives", "--weights", str(weights)]
    files = ["-o", str(out), "--cases", str(table), "--plot", str(plot), "--journal", str(tmp_path / "j.jsonl")]
    result = RUNNER.invoke(app, [*command, *files, "--no-gdt", "--markdown"])
    assert result.exit_code == 0, result.output
    metrics = json.loads(out.read_text())
    assert metrics["pairs"] == 1 and metrics["lddt_before"] == 1 and metrics["gdt_ha_before"] is None
    assert all(not isinstance(value, dict | list) for value in metrics.values())
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert row["name"] == "one.pdb:A" and float(row["lddt_before"]) == 1 and row["failure"] == ""
    assert plot.read_text().startswith("<svg") and "| `natives` refine |" in result.stdout
    listed = RUNNER.invoke(app, [*command, "--no-gdt", "--variant", "input"])
    assert listed.exit_code == 0 and "lddt_gain" in listed.stdout and "worst cases" in listed.stdout


@pytest.mark.parametrize("option", [["--variant", "input"], ["--openmm", "1"], ["--plot", "x.svg"]], ids=" ".join)
def test_options_of_refinement_are_refused_for_design(option: list[str], tmp_path: Path) -> None:
    result = RUNNER.invoke(app, ["evaluate", "design", "--data", str(tmp_path), "--split", "all", *option])
    assert result.exit_code == 2 and option[0] in result.output
