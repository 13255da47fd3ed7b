"""`validate`: a row for each structure, a file with a row for each residue, DockQ of each interface."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli.application import app
from protein_enn.cli.validation import COMPARISON
from protein_enn.metrics.residues import residue_columns
from protein_enn.metrics.stereochemistry import summary_columns

RUNNER = CliRunner()


def test_short_option_and_residues(examples: Path, tmp_path: Path) -> None:
    model, native = str(examples / "1bhl_perturbed.pdb"), str(examples / "1bhl.pdb")
    out, table = tmp_path / "residues.csv", tmp_path / "rows.csv"
    command = ["validate", model, "-r", native, "--records", str(out), "-o", str(table), "--json"]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert {"residues", *summary_columns(), *COMPARISON} <= {*row}
    assert row["interface_scores"] == [] and row["dockq"] is None
    with out.open() as file:
        residues = list(csv.DictReader(file))
    assert list(residues[0]) == ["name", *residue_columns()] and len(residues) == row["residues"]
    assert sum(int(r["rotamer"]) for r in residues) == row["rotamer_outliers"]
    assert sum(float(r["ca_distance"]) ** 2 for r in residues) / len(residues) == pytest.approx(row["rmsd"] ** 2, 0.01)
    with table.open() as file:
        (line,) = csv.DictReader(file)
    assert float(line["side_chain_rmsd"]) == pytest.approx(row["side_chain_rmsd"])


def test_a_native_of_another_protein_is_doubted(examples: Path) -> None:
    command = ["validate", str(examples / "1bhl.pdb"), "--json", "-r"]
    result = RUNNER.invoke(app, [*command, str(examples / "2gtl_chain_a.cif")])
    (row,) = json.loads(result.stdout)
    assert result.exit_code == 0 and "is it the right one?" in row["warning"]
    assert f"warning: 1bhl: {row['warning']}" in result.stderr
    result = RUNNER.invoke(app, [*command, str(examples / "1bhl_perturbed.pdb")])
    assert json.loads(result.stdout)[0]["warning"] is None and "warning" not in result.stderr


def test_residues_as_json_without_native(examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "residues.json"
    result = RUNNER.invoke(app, ["validate", str(examples / "1bhl.pdb"), "--records", str(out)])
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())
    assert rows[5]["lddt"] is None and rows[5]["phi"] is not None and rows[5]["clash"] in (0, 1)
    assert "dockq" not in result.stdout.splitlines()[0] and "rotamer_outliers" in result.stdout.splitlines()[0]


def test_two_tables_need_two_files(examples: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "x.csv")
    result = RUNNER.invoke(app, ["validate", str(examples / "1bhl.pdb"), "-o", out, "--records", out])
    assert result.exit_code == 2 and "file of its own" in result.output.replace("\n", " ")
    assert not (tmp_path / "x.csv").exists()
