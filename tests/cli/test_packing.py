"""`protein-enn pack`: what is written, whose sequence it is, and one clear line for what cannot be."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from protein_enn import chemistry
from protein_enn.cli import app
from protein_enn.io import read_structure
from protein_enn.structure import Structure

RUNNER = CliRunner()
LETTERS = "MAELKVGSAWIK"  # of the helix, which has no side chains
Run = Callable[..., Any]


@pytest.fixture
def run(weights: dict[str, str], tmp_path: Path) -> Run:
    def pack(*arguments: object) -> Any:
        command = ["pack", *map(str, arguments), "--weights", weights["packing"], "-o", str(tmp_path / "out")]
        return RUNNER.invoke(app, [*command, "--device", "cpu"])

    return pack


def rows(tmp_path: Path) -> list[dict[str, str]]:
    with (tmp_path / "out" / "pack.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def whole(structure: Structure) -> bool:
    """Whether every residue has all its atoms."""
    for row, kind in zip(structure.present, structure.residues.tolist(), strict=True):
        expected = set(chemistry.RESIDUE_ATOMS[chemistry.RESIDUES[kind]]) - {"OXT"}
        if not expected <= {chemistry.ATOMS[k] for k in row.nonzero()[:, 0].tolist()}:
            return False
    return True


def test_a_bare_backbone_gets_side_chains_and_a_bad_file_is_a_row(run: Run, folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "out" / "residues.csv"
    result = run(folder, "--angles", table, "--errors", "--json")
    assert result.exit_code == 1, result.output
    bad, good = json.loads(result.stdout)
    assert bad["name"] == "bad" and bad["error"] and bad["weights_sha256"] == good["weights_sha256"]
    assert {p.name for p in table.parent.iterdir()} == {"good.pdb", "good.packing.json", "pack.csv", "residues.csv"}
    assert rows(tmp_path)[1]["packed"] == str(good["packed"]) == "11"  # all but the glycine
    record = json.loads((table.parent / "good.packing.json").read_text())
    assert record["kind"] == "packing" and record["input"].endswith("good.pdb") and record["seed"] == 0
    assert "atoms-rebuilt" in json.dumps(record["audit"])
    packed, bare = read_structure(table.parent / "good.pdb"), read_structure(folder / "good.pdb")
    same = bare.present & packed.present
    assert whole(packed) and torch.allclose(packed.positions[same], bare.positions[same])
    with table.open(newline="") as file:
        residues = list(csv.DictReader(file))
    assert [row["amino_acid"] for row in residues] == [one for one in LETTERS if one != "G"]
    leucine = next(row for row in residues if row["amino_acid"] == "L")
    assert leucine["chi2"] and not leucine["chi3"] and 0 <= float(leucine["probability"]) <= 1
    shown = packed.b_factors[3, chemistry.ATOM_INDEX["CD1"]]
    assert float(shown) == pytest.approx(float(leucine["error"]), abs=0.006) and float(leucine["error"]) > 0


def test_idealize_keeps_the_backbone_and_writes_the_record_of_refinement(
    run: Run, folder: Path, weights: dict[str, str], tmp_path: Path
) -> None:
    good = folder / "good.pdb"
    result = run(good, "--idealize", "--refinement-weights", weights["refinement"], "--no-seconds")
    assert result.exit_code == 0, result.output
    (row,) = rows(tmp_path)
    assert int(row["clashes"]) <= int(row["clashes_packed"])
    assert int(float(row["outliers"])) <= int(float(row["outliers_packed"])) and row["refinement_weights_sha256"]
    moved = json.loads((tmp_path / "out" / "good.refinement.json").read_text())
    assert moved["controls"]["side_chains_only"] is True and moved["seconds"] is None
    assert moved["geometry_after"]["clashes"] == int(row["clashes"])
    packed, bare = read_structure(tmp_path / "out" / "good.pdb"), read_structure(good)
    backbone = list(chemistry.BACKBONE)
    assert torch.equal(packed.positions[:, backbone], bare.positions[:, backbone]) and whole(packed)
    page = tmp_path / "page.html"
    assert RUNNER.invoke(app, ["report", str(tmp_path / "out"), "-o", str(page)]).exit_code == 0


def test_sequences_come_from_an_option_or_a_file(run: Run, folder: Path, tmp_path: Path) -> None:
    good, new = folder / "good.pdb", "AAELKVGSAWIC"
    assert run(good, "--sequence", new).exit_code == 0
    assert read_structure(tmp_path / "out" / "good.pdb").sequence == new
    fasta = tmp_path / "x.fasta"
    fasta.write_text(
        f">good_input_A name=good sample=input chain=A\n{LETTERS}\n"
        f">good_sample1_A name=good sample=1 chain=A score=-1\n{new}\n"
        f">good_sample2_A name=good sample=2 chain=A score=-1\n{new[:5]}\n"
    )
    result = run(good, folder / "bad.pdb", "--sequences", fasta, "--force")
    assert result.exit_code == 1
    first, second, bad = rows(tmp_path) if rows(tmp_path)[0]["label"] else [*rows(tmp_path)[1:], rows(tmp_path)[0]]
    assert (first["name"], first["label"], first["error"]) == ("good_sample1", "sample1", "")
    assert second["name"] == "good_sample2" and "a sequence of 5 for a chain of 12 residues" in second["error"]
    assert bad["name"] == "bad" and bad["error"]
    assert read_structure(tmp_path / "out" / "good_sample1.pdb").sequence == new
    fasta.write_text(f">other\n{LETTERS}\n>another\n{LETTERS}\n")
    assert run(good, "--sequences", fasta, "--force").exit_code == 0, "all sequences are for the one structure"
    assert {row["name"] for row in rows(tmp_path)} == {"good_other", "good_another"}
    assert "no sequence of this name" in run(good, folder / "bad.pdb", "--sequences", fasta, "--force").output


def test_residues_that_cannot_be_packed_are_counted(run: Run, folder: Path, tmp_path: Path) -> None:
    """Without O; without a backbone; an unknown residue; a break."""
    lines = (folder / "good.pdb").read_text().splitlines(keepends=True)
    made = tmp_path / "made"
    made.mkdir()
    (made / "a_no_o.pdb").write_text("".join(line for line in lines if line[12:16] != " O  "))
    (made / "b_ca.pdb").write_text("".join(line for line in lines if line[12:16] in (" CA ", "")))
    (made / "c_unknown.pdb").write_text("".join(line.replace("LEU", "UNK") for line in lines))
    (made / "d_break.pdb").write_text("".join(line for line in lines if line[22:26] not in ("   5", "   6")))
    assert run(made, "--residues", "all").exit_code == 0
    found = [(row["residues"], row["packed"], row["skipped"], row["incomplete"]) for row in rows(tmp_path)]
    assert found == [("12", "11", "0", "1"), ("12", "0", "12", "12"), ("12", "10", "1", "1"), ("10", "9", "0", "0")]
    packed = read_structure(tmp_path / "out" / "a_no_o.pdb")
    assert packed.present[:-1, chemistry.O].all() and not packed.present[-1, chemistry.O]
    wrong = run(made / "c_unknown.pdb", "--sequence", LETTERS[:-1] + "J", "--force")
    assert wrong.exit_code == 1 and "is no amino acid" in rows(tmp_path)[0]["error"]


def test_several_samples_in_another_format(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run(folder / "good.pdb", "--samples", 2, "--seed", 5, "--format", "cif.gz").exit_code == 0
    found = rows(tmp_path)
    assert [(row["name"], row["sample"]) for row in found] == [("good_packing1", "1"), ("good_packing2", "2")]
    assert float(found[0]["log_density"]) >= float(found[1]["log_density"]) and found[0]["temperature"] == "1.0"
    first, second = (read_structure(tmp_path / "out" / f"good_packing{k}.cif.gz") for k in (1, 2))
    assert whole(first) and not torch.allclose(first.positions, second.positions)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sequence", LETTERS, "--sequences", "FASTA"], "--sequence and --sequences both"),
        (["--sequence", LETTERS], "--sequence is for one structure, and there are 2"),
        (["--refinement-weights", "refinement"], "give --idealize as well"),
        (["--temperature", "inf"], "finite"),
        (["--sequences", "EMPTY"], "no sequence in this file"),
    ],
)
def test_options_that_contradict_each_other(
    options: list[str], message: str, run: Run, folder: Path, tmp_path: Path
) -> None:
    files = {"FASTA": tmp_path / "x.fasta", "EMPTY": tmp_path / "empty.fasta"}
    files["FASTA"].write_text(f">good\n{LETTERS}\n")
    files["EMPTY"].write_text("")
    result = run(folder, *(files.get(option, option) for option in options))
    assert result.exit_code == 2 and message in " ".join(result.output.replace("│", " ").split())


def test_an_input_is_not_overwritten_and_a_wrong_selection_is_a_row(
    run: Run, folder: Path, tmp_path: Path, weights: dict[str, str]
) -> None:
    command = ["pack", str(folder / "good.pdb"), "-o", str(folder), "--weights", weights["packing"]]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 1 and "would be overwritten" in result.output
    assert run(folder / "good.pdb", "--residues", "B:1").exit_code == 1
    assert "B" in rows(tmp_path)[0]["error"]
