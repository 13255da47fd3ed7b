"""What a format cannot hold is refused, whether the file is new or its source."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import WriteError, read_structure, write_structure
from protein_enn.io.write import new_pdb, structure_bytes

CA = chemistry.CA


def written(structure, format):
    return structure_bytes(structure, format=format, file="x")


@pytest.mark.parametrize(
    ("format", "changes", "message"),
    [
        ("pdb", {"chain_ids": ("AB", "b")}, "chain id 'AB'"),
        ("pdb", {"chain_ids": ("", "b")}, "chain id ''"),
        ("pdb", {"chain_ids": ("Å", "b")}, "ASCII"),
        ("pdb", {"residue_names": ("A1ABC",)}, "residue name 'A1ABC'"),
        ("pdb", {"numbers": 10_000}, "residue number of A:10000"),
        ("pdb", {"numbers": -1000}, "residue number of A:-1000"),
        ("pdb", {"insertion_codes": ("AB",)}, "insertion code 'AB'"),
        ("pdb", {"positions": -1000.0}, "Cartn_x -1000.000"),
        ("pdb", {"positions": -999.9996}, "Cartn_x -1000.000"),
        ("pdb", {"b_factors": 999.996}, "B_iso_or_equiv 1000.00"),
        ("pdb", {"b_factors": -100.0}, "B_iso_or_equiv -100.00"),
        ("pdb", {"occupancies": 1000.0}, "occupancy 1000.00"),
        ("cif", {"chain_ids": ("", "b")}, "chain id ''"),
        ("cif", {"chain_ids": ("a\nb", "b")}, "chain id"),
        ("cif", {"residue_names": ("G\tY",)}, "residue name"),
        ("cif", {"residue_names": ("",)}, "residue name ''"),
        ("any", {"positions": float("nan")}, "not finite"),
        ("any", {"positions": 10_000.0}, "beyond 9999"),
        ("any", {"b_factors": float("inf")}, "B factor"),
        ("any", {"occupancies": float("nan")}, "occupancy"),
        ("any", {"numbers": 0}, "two residues of one chain are called A:0"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(format, changes, message, mixed, tmp_path):
    suffixes = {"pdb": (".pdb",), "cif": (".cif", ".bcif"), "any": (".pdb", ".cif", ".bcif.gz")}[format]
    for name, value in changes.items():
        old = getattr(mixed, name)
        if isinstance(value, tuple):
            new = (*value, *old[len(value) :])
        else:
            new = old.clone()
            new[(0, CA, 0)[: new.dim()]] = value
        changed = replace(mixed, **{name: new})
        for suffix in suffixes:
            with pytest.raises(WriteError, match=f"x{suffix}: .*{re.escape(message)}.*; ".replace(". ", ". ?")):
                write_structure(changed, tmp_path / f"x{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("field", "value"), [("names", "LONG1"), ("residue_names", "A1ABC"), ("residue_ids", "AB:1")])
def test_context_that_pdb_cannot_hold_is_refused(field, value, mixed):
    changed = replace(mixed.hetero, **{field: (*getattr(mixed.hetero, field)[:-1], value)})
    with pytest.raises(WriteError, match="write mmCIF"):
        written(replace(mixed, hetero=changed), "pdb")
    read_structure(written(replace(mixed, hetero=changed), "mmcif"))


def test_pdb_refuses_more_atoms_and_chains_than_it_can_number(monkeypatch, many):
    letters = [chr(i) for i in range(33, 127)]
    assert written(many(62, letters.__getitem__), "pdb")
    with pytest.raises(WriteError, match="63 chains"):
        written(many(63, letters.__getitem__), "pdb")
    structure = many(3, letters.__getitem__)  # twelve atoms and three TER records
    monkeypatch.setattr(new_pdb, "MAX_SERIAL", 15)
    assert b"TER      15" in written(structure, "pdb")
    monkeypatch.setattr(new_pdb, "MAX_SERIAL", 14)
    with pytest.raises(WriteError, match="15 atom and TER records, the PDB format numbers 14; write mmCIF"):
        written(structure, "pdb")


def test_numbers_in_the_source_are_held_to_its_columns_too(peptide, file_of):
    structure = read_structure(file_of(peptide("GA"), "pdb"))
    with pytest.raises(WriteError, match=r"Cartn_x -1\d+\.\d+ does not fit the 8 columns"):
        written(structure.with_positions(structure.positions - 1500.0), "pdb")
    with pytest.raises(WriteError, match="B_iso_or_equiv 5000"):
        structure_bytes(structure, format="pdb", b_factors=torch.tensor([5000.0, 1.0]))
    with pytest.raises(WriteError, match="b_factors must be finite"):
        structure_bytes(structure, format="pdb", b_factors=torch.tensor([float("nan"), 1.0]))
    with pytest.raises(WriteError, match="one per residue"):
        structure_bytes(structure, format="pdb", b_factors=torch.ones(3))


def test_unknown_formats_are_refused(mixed, tmp_path, everything):
    with pytest.raises(WriteError, match=r"suffix '\.xyz'; use"):
        write_structure(mixed, tmp_path / "x.xyz")
    with pytest.raises(WriteError, match="no format 'mol2'; there are"):
        write_structure(mixed, tmp_path / "x.pdb", format="mol2")
    write_structure(mixed, tmp_path / "x.dat", format="mmcif")
    assert everything(read_structure(tmp_path / "x.dat")) == everything(mixed)
