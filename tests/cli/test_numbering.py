"""Residue numbers are names: the same coordinates give the same results in any numbering and any format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.io import read_structure, write_structure
from protein_enn.structure import HeteroAtoms, Structure

RUNNER = CliRunner()
NUMBERINGS = ("sequential", "gaps", "insertions", "negative")
NAMES = {
    "audit",
    "name",
    "file",
    "id",
    "chain",
    "number",
    "icode",
    "path",
    "output",
    "seconds",
    "residue_ids",
    "linked",
}


def renumbered(structure: Structure, how: str) -> Structure:
    """Other numbers for the same residues, as users' files have them."""
    n = len(structure)
    order, codes = torch.arange(1, n + 1), ("",) * n
    if how == "gaps":  # jumps where residues are bonded, as antibody schemes have, and none where the chain is broken
        order = order + 20 * (order > 7) + 9 * (order > 15)
    if how == "insertions":
        order, codes = 50 + (order - 1) // 4, tuple("ABC"[i % 4 - 1] if i % 4 else "" for i in range(n))
    if how == "negative":
        order = order - 11
    return replace(structure, numbers=order, label_numbers=order, insertion_codes=codes)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Twenty residues of a perturbed model with a gap of five, in four numberings as PDB, and as mmCIF."""
    folder = tmp_path_factory.mktemp("numberings")
    whole = replace(read_structure("examples/1bhl_perturbed.pdb"), hetero=HeteroAtoms.empty())
    part = whole.take(torch.cat([torch.arange(12), torch.arange(17, 25)]))
    written = {}
    for how in NUMBERINGS:
        for suffix in ("pdb", "cif") if how in ("sequential", "insertions") else ("pdb",):
            path = folder / f"{how}_{suffix}" / f"model.{suffix}"
            path.parent.mkdir()
            write_structure(renumbered(part, how), path)
            written[path.parent.name] = path
    return written


def values(node: Any) -> Iterator[Any]:
    """All numbers of a record but those of residues, and what the audit says of gaps in them."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in NAMES:
                yield from values(value)
    elif isinstance(node, list):
        for value in node:
            yield from values(value)
    elif isinstance(node, (int, float)):
        yield node


def answer(*arguments: object) -> list[Any]:
    result = RUNNER.invoke(app, [*map(str, arguments), "--json", "--threads", "1"])
    assert result.exit_code == 0, result.output
    return list(values(json.loads(result.stdout)))


@pytest.mark.parametrize("command", ["score", "scan", "design"])
def test_scores_do_not_depend_on_numbers(command: str, files: dict[str, Path]) -> None:
    expected = answer(command, files["sequential_pdb"])
    assert len(expected) > 5
    for name, path in files.items():
        assert answer(command, path) == pytest.approx(expected, abs=1e-6), name


def test_validation_does_not_depend_on_numbers(files: dict[str, Path]) -> None:
    results = {}
    for name, path in files.items():
        result = RUNNER.invoke(app, ["validate", str(path), "--json"])
        assert result.exit_code == 0, result.output
        results[name] = list(values(json.loads(result.stdout)))
    assert all(found == pytest.approx(results["sequential_pdb"], abs=1e-6) for found in results.values())


@pytest.mark.parametrize("relax", [False, True])
def test_refined_coordinates_do_not_depend_on_numbers(relax: bool, files: dict[str, Path], tmp_path: Path) -> None:
    positions = {}
    for name, path in files.items():
        out = tmp_path / name
        options = ["--steps", "2", *(["--relax"] if relax else [])]
        result = RUNNER.invoke(app, ["refine", str(path), "-o", str(out), "--threads", "1", *options])
        assert result.exit_code == 0, result.output
        positions[name] = read_structure(out / path.name).positions
    first = positions["sequential_pdb"]
    for name, found in positions.items():  # OpenMM's sums come in any order
        assert (found - first).abs().max() < (0.1 if relax else 2e-3), name
    assert (first - read_structure(files["sequential_pdb"]).positions).abs().max() > 0.1


def test_the_table_of_a_scan_names_residues_as_the_file_does(files: dict[str, Path], tmp_path: Path) -> None:
    """What the numbers are for."""
    table = tmp_path / "scan.csv"
    assert RUNNER.invoke(app, ["scan", str(files["insertions_pdb"]), "-o", str(table)]).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert {(row["number"], row["icode"]) for row in rows} >= {("50", ""), ("50", "A"), ("50", "C"), ("54", "C")}
