"""Structures of mutants: what changes, what stays, and what cannot be made."""

from __future__ import annotations

import pytest
import torch

from protein_enn import chemistry
from protein_enn.packing.mutants import mutant_name, pack_mutants
from protein_enn.predictor import Predictor
from protein_enn.structure import Structure
from protein_enn.structure.substitutions import parse_mutant, places

TWO = "A:I60V,A:I73L"


def test_only_the_changed_residues_are_packed(wild: Structure, packer: Predictor) -> None:
    single, double = pack_mutants(wild, ["A:I60V", TWO], predictor=packer)
    assert [row["residue"] for row in single.rows()] == ["A:60"]
    assert [(row["residue"], row["amino_acid"]) for row in double.rows()] == [("A:60", "V"), ("A:73", "L")]
    rows = places(wild, parse_mutant(TWO))
    stays = torch.ones(len(wild), dtype=torch.bool)
    stays[rows] = False
    mutant = double.structure
    assert torch.equal(mutant.positions[stays], wild.positions[stays])
    assert [mutant.residue_names[i] for i in rows] == ["VAL", "LEU"]
    for i in rows:
        expected = chemistry.RESIDUE_ATOMS[mutant.residue_names[i]]
        assert {chemistry.ATOMS[k] for k in mutant.present[i].nonzero()[:, 0].tolist()} >= set(expected)


def test_residues_near_the_change_are_packed_anew_where_asked(wild: Structure, packer: Predictor) -> None:
    (near,) = pack_mutants(wild, ["A:I60V"], repack_within=5.0, predictor=packer)
    (i,) = places(wild, parse_mutant("A:I60V"))
    atoms, other = wild.positions[i][wild.present[i]], wild.positions
    distance = (other[:, :, None] - atoms).norm(dim=-1).amin(-1).masked_fill(~wild.present, torch.inf).amin(1)
    packed = set(near.packed.tolist())
    assert i in packed and len(packed) > 3
    assert packed <= set((distance <= 5).nonzero()[:, 0].tolist())
    with pytest.raises(ValueError, match="repack_within=-1"):
        pack_mutants(wild, ["A:I60V"], repack_within=-1.0, predictor=packer)


@pytest.mark.parametrize(
    ("mutant", "message"),
    [
        ("A:I6V0", "is no mutation"),
        ("A:L60V", "residue A:60 is I, not L"),
        ("A:I999V", "no residue A:999"),
        ("A:I60V,A:I60L", "mutated twice"),
        ("", "no mutation is named"),
    ],
)
def test_a_mutant_that_does_not_fit_is_refused(mutant: str, message: str, native: Structure, packer: Predictor) -> None:
    with pytest.raises(ValueError, match=message):
        pack_mutants(native, ["A:I60V", mutant], predictor=packer)


def test_names_of_mutants_can_be_names_of_files() -> None:
    assert mutant_name(parse_mutant("A:H18A; B:T-5S")) == "A-H18A_B-T-5S"


def test_a_structure_of_one_chain_needs_no_chain_in_the_name(wild: Structure, packer: Predictor) -> None:
    given, short = pack_mutants(wild, [TWO, TWO.replace("A:", "")], predictor=packer)
    assert torch.equal(given.structure.positions, short.structure.positions)
