"""`evaluate packing` writes what it is asked for and refuses what it cannot do."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import torch
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.io import read_structure, write_structure

RUNNER = CliRunner()


def test_every_output(examples: Path, tmp_path: Path) -> None:
    write_structure(read_structure(examples / "1bhl.pdb").take(torch.arange(8, 24)), tmp_path / "one.pdb")
    (tmp_path / "chains.tsv").write_text("file\tchain\tcluster\tsplit\tset\none.pdb\tA\t1\ttest\ttest\n")
    out, table = tmp_path / "m.json", tmp_path / "t.csv"
    command = ["evaluate", "packing", "--data", str(tmp_path), "--split", "test", "--packer", "input"]
    options = ["--no-seconds", "--no-idealize", "--most-residues", "20", "--count", "1"]
    result = RUNNER.invoke(app, [*command, *options, "-o", str(out), "--cases", str(table), "--markdown"])
    assert result.exit_code == 0, result.output
    metrics = json.loads(out.read_text())
    assert metrics["proteins"] == 1 and metrics["chi1_mae"] == 0 and metrics["clashes_after"] is None
    assert metrics["seconds_per_100_residues"] is None
    assert all(not isinstance(value, dict | list) for value in metrics.values())
    (row,) = csv.DictReader(table.read_text().splitlines())
    assert row["name"] == "one_A" and float(row["side_chain_rmsd"]) < 1e-6 and row["failure"] == row["seconds"] == ""
    assert "| `test` input |" in result.stdout
    both = RUNNER.invoke(app, [*command, "--packer", "rotamers", "--json"])
    assert both.exit_code == 0 and json.loads(both.stdout)["rotamers_proteins"] == 1
    bad = RUNNER.invoke(app, [*command, "--packer", "scwrl"])
    assert bad.exit_code == 1 and "no packer is called 'scwrl'" in bad.output and "Traceback" not in bad.output
