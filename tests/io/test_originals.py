"""349 test files of other structure libraries: how each is read, compared with these libraries.

They are no part of the repository; `originals_refused.tsv` names those of them that must be refused, and why. The
scripts that compare are tested on faults planted in an example.
"""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from protein_enn.io import StructureError, read_structure, write_structure
from protein_enn.io.files import decompress, read_bytes

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
REFUSED = Path(__file__).with_name("originals_refused.tsv")
COUNT = 349
OUR_READING = {
    "atomworks/1a8o_modified.cif.gz": "an atom by its label_atom_id, as the dictionary names it, not the author's",
    "ngl/BaceCgMartini.pdb.gz": "the second of two chains A, told apart by TER, as chain B",
    "mdanalysis/gromos11_traj_vac.pdb.gz": "LYSH in columns 18-21 of chain A, not LYS of a chain HA",
}
"""Files about which we differ from the others, and what we hold instead."""
EXAMPLES = ("1bhl.pdb", "2gtl_chain_a.cif", "2gtl_chain_a.bcif")


def load(name: str) -> ModuleType:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for the names in their annotations
    spec.loader.exec_module(module)
    return module


readers, trips = load("compare_readers"), load("round_trips")


@pytest.fixture(scope="module")
def originals(data_dir: Path) -> Path:
    folder = data_dir / "originals"
    if not folder.is_dir():
        pytest.skip(f"{data_dir} has no folder originals/ with the {COUNT} files of other libraries' tests")
    return folder


@pytest.fixture(scope="module")
def outcomes(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, str]]:
    """For each file its row of `compare_readers.py`, and what `round_trips.py` finds wrong; each is read once."""
    found, scratch = [], tmp_path_factory.mktemp("originals")
    for path in sorted(path for path in originals.rglob("*") if path.is_file()):
        name = path.relative_to(originals).as_posix()
        try:
            structure = read_structure(path)
        except StructureError as error:
            assert path.name in str(error)
            found.append((readers.Row(name, type(error).__name__), ""))
        else:
            assert structure.audit.atoms.balanced, name
            data = decompress(read_bytes(path), name)
            found.append((readers.compare(structure, data, name), trips.round_trip(structure, data, scratch)))
    return found


def test_each_file_is_read_or_refused_as_it_should_be(outcomes: list[tuple[Any, str]]) -> None:
    with REFUSED.open() as file:
        expected = {row["file"]: row["error"] for row in csv.DictReader(file, delimiter="\t")}
    assert len(outcomes) == COUNT
    assert {row.file: row.outcome for row, _ in outcomes if row.outcome != "read"} == expected


def test_atoms_are_those_of_gemmi_and_biotite(outcomes: list[tuple[Any, str]]) -> None:
    rows = [row for row, _ in outcomes]
    counts = readers.summary(rows)
    faults = {row.file: (row.gemmi, row.biotite) for row in rows if readers.at_fault(row)}
    assert set(faults) == set(OUR_READING), faults
    assert counts["both_agree_with_us"] == counts["both_agree"] - 2 > 250
    assert counts["biotite_reads"] > 280


def test_files_are_written_back_unharmed(outcomes: list[tuple[Any, str]]) -> None:
    assert {row.file: fault for row, fault in outcomes if fault} == {}
    assert min(Counter(row.format for row, _ in outcomes if row.outcome == "read").values()) > 20


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_comparison_of_atoms_finds_planted_faults(name: str, examples: Path) -> None:
    structure, data = read_structure(examples / name), (examples / name).read_bytes()
    theirs = {"gemmi", "biotite"} - ({"gemmi"} if name.endswith(".bcif") else set())
    assert {key: readers.agreement(structure, data)[key] for key in theirs} == dict.fromkeys(theirs, "")
    moved, absent, numbers = structure.positions.clone(), structure.present.clone(), structure.numbers.clone()
    moved[3, 1, 2] += 0.002
    absent[3, 1] = False
    numbers[-1] += 1
    for faulty, message in (
        (replace(structure, positions=moved), "that it has not"),
        (replace(structure, present=absent), "lost without a finding"),
        (replace(structure, numbers=numbers), "that it has not"),
        (replace(structure, b_factors=structure.b_factors + 0.01), "that it has not"),
        (replace(structure, occupancies=structure.occupancies * 0.99), "that it has not"),
    ):
        row = readers.agreement(faulty, data)
        assert all(message in row[key] for key in theirs)


def test_the_atom_balance_must_have_the_right_reasons(lines, atom_line, as_bytes) -> None:
    other = atom_line("CB", 2, 9.0, alt="B", occ=0.4)
    data = as_bytes([*lines[:9], atom_line("CB", 2, 8.0, alt="A", occ=0.6), other, atom_line("H", 2, 8.5)])
    structure = read_structure(data)
    good = readers.agreement(structure, data)
    assert (good["readers"], good["gemmi"], good["biotite"]) == ("agree", "", "")
    atoms = replace(structure.audit.atoms, dropped={"hydrogen": 2})
    row = readers.agreement(replace(structure, audit=replace(structure.audit, atoms=atoms)), data)
    assert "audited" in row["gemmi"] and "audited" in row["biotite"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_comparison_of_round_trips_finds_planted_faults(name: str, examples: Path, tmp_path: Path) -> None:
    structure, old = read_structure(examples / name), (examples / name).read_bytes()
    compare = trips.COMPARE[structure.audit.format]
    shift = torch.tensor([1.0, 0.0, 0.0])

    def written(positions: torch.Tensor, **values: Any) -> bytes:
        write_structure(structure.with_positions(positions), tmp_path / name, **values)
        return (tmp_path / name).read_bytes()

    assert compare(old, old) == compare(old, written(structure.positions + shift)) == ""
    assert compare(old, written(structure.positions + 2 * shift))
    assert compare(old, written(structure.positions + shift.roll(1)))
    assert compare(old, written(structure.positions + shift, b_factors=structure.b_factors + 1.0))


def test_bytes_around_the_numbers_are_compared(examples: Path) -> None:
    pdb, cif = (examples / "1bhl.pdb").read_bytes(), (examples / "2gtl_chain_a.cif").read_bytes()
    assert trips.compare_pdb(pdb, pdb.replace(b" 1.00 ", b" 1.01 ", 1))
    assert trips.compare_pdb(pdb, pdb + b"\n")
    row = next(line for line in cif.split(b"\n") if line.startswith(b"ATOM"))
    assert trips.compare_mmcif(cif, cif.replace(row, row.replace(b"ATOM", b"HETATM"), 1))
    assert trips.compare_mmcif(cif, cif.replace(row, row + b"\n", 1))
