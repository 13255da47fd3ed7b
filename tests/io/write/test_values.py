"""Names and numbers in new files: quoted, exact, the same at any time."""

from __future__ import annotations

import gzip
import re
import time
from dataclasses import replace

import gemmi
import pytest
import torch

from protein_enn import chemistry
from protein_enn.io import read_structure, write_structure
from protein_enn.io.write import structure_bytes

CA = chemistry.CA
FORMATS = ("pdb", "mmcif", "bcif")


def written(structure, format):
    return structure_bytes(structure, format=format, file="x")


def test_many_chains_with_long_ids_in_mmcif(cif, many):
    structure = many(200, lambda i: f"chain-{i}")
    again = read_structure(written(structure, cif))
    assert again.chain_ids == structure.chain_ids
    assert torch.allclose(again.positions, structure.positions, atol=6e-4)


@pytest.mark.parametrize(
    "name", ["O5'", 'HO5"', "O5'\"", "a b", "_x", "#1", ";s", "$v", "[1]", "loop_", "data_1", "?x", "é", "'q'", '"']
)
def test_odd_names_are_quoted(cif, name, mixed, everything):
    names = (name, *mixed.hetero.names[1:])
    ids = ("Chain '1' #2:5", *mixed.hetero.residue_ids[1:])
    odd = replace(mixed, hetero=replace(mixed.hetero, names=names, residue_ids=ids))
    data = written(odd, cif)
    assert everything(read_structure(data)) == everything(odd)
    if cif == "mmcif":
        block = gemmi.cif.read_string(data)[0]
        assert name in {gemmi.cif.as_string(v) for v in block.find_values("_atom_site.label_atom_id")}


def test_texts_that_look_like_nulls_are_none(mixed):
    """A chain called "?" is not an unknown one."""
    structure = replace(mixed, chain_ids=("?", "."), label_chain_ids=("?", "."))
    block = gemmi.cif.read_string(written(structure, "mmcif"))[0]
    ids = set(block.find_values("_atom_site.auth_asym_id"))
    assert {"'?'", "'.'"} <= ids and not {"?", "."} & ids


def test_exact_coordinates_where_the_format_can_hold_them(cif, mixed):
    """What a file gave with four decimals, a part of it keeps; computed coordinates are kept to 0.00001 Å."""
    positions = torch.where(mixed.present[..., None], (mixed.positions + 0.0004).round(decimals=4), 0.0)
    assert read_structure(written(replace(mixed, positions=positions), cif)).positions.equal(positions)
    positions = torch.where(mixed.present[..., None], mixed.positions + torch.pi, 0.0)
    again = read_structure(written(replace(mixed, positions=positions), cif))
    assert torch.allclose(again.positions, positions, atol=6e-6)
    assert not re.search(rb"\d\.\d{4}", written(mixed, "mmcif")), "three decimals where three are exact"


def test_no_negative_zero(mixed):
    positions = mixed.positions.clone()
    positions[0, CA] = torch.tensor([-0.0001, 1.0, 2.0])
    assert b"-0.000 " not in written(replace(mixed, positions=positions), "pdb")


def test_residues_without_ca_stay_protein(peptide, file_of):
    """MSE without CA in a HETATM record would be read as a ligand."""
    structure = read_structure(file_of(peptide(["GLY", "MSE", "GLY"]), "pdb"))
    present = structure.present.clone()
    present[1, CA] = False
    for format in FORMATS:
        again = read_structure(written(replace(structure, present=present, source=None), format))
        assert again.sequence == "GMG" and again.present.equal(present)


def test_plddt_stays_declared_until_other_b_factors_replace_it(cif, mixed):
    predicted = replace(mixed, predicted=True)
    assert read_structure(written(predicted, cif)).predicted
    assert not read_structure(written(mixed, cif)).predicted
    given = structure_bytes(predicted, format=cif, b_factors=torch.ones(len(mixed)))
    assert not read_structure(given).predicted


@pytest.mark.parametrize("suffix", [".pdb", ".cif", ".mmcif", ".bcif", ".ent"])
def test_gzip_is_the_same_bytes_at_any_time(mixed, suffix, tmp_path, monkeypatch):
    write_structure(mixed, tmp_path / f"a{suffix}.gz")
    monkeypatch.setattr(time, "time", lambda: 1e9)
    write_structure(mixed, tmp_path / f"b{suffix}.gz")
    write_structure(mixed, tmp_path / f"c{suffix}")
    first = (tmp_path / f"a{suffix}.gz").read_bytes()
    assert first == (tmp_path / f"b{suffix}.gz").read_bytes()
    assert gzip.decompress(first) == (tmp_path / f"c{suffix}").read_bytes()


def test_block_names_hold_no_blanks(cif, mixed, everything):
    data = written(replace(mixed, name="a model\nof loop_ é"), cif)
    assert everything(read_structure(data)) == everything(mixed)
    if cif == "mmcif":
        assert data.startswith(b"data_a_model_of_loop___\n")


def test_thousands_of_chains_keep_their_ids(cif, many):
    structure = many(2000, lambda i: f"A-{i}")
    assert read_structure(written(structure, cif)).chain_ids == structure.chain_ids
