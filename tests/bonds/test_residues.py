"""What is bonded between residues: by geometry and order and by links, whatever the numbers say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry, read_structure
from protein_enn.bonds import (
    adjacent_residues,
    backbone_torsions,
    bonded_residues,
    bound_to_hetero,
    linked_side_chains,
    peptide_bonds,
    residue_bonds,
)
from protein_enn.structure import LINKS, Links, Structure
from protein_enn.testing import random_structure

SLOT = chemistry.ATOM_INDEX
N, C = chemistry.N, chemistry.C


def linked(structure: Structure, kind: str, one: tuple[int, str], two: tuple[int, str]) -> Structure:
    ends = torch.tensor([[one[0], two[0]]]), torch.tensor([[SLOT[one[1]], SLOT[two[1]]]])
    return replace(structure, links=Links(torch.tensor([LINKS.index(kind)]), *ends))


@pytest.fixture
def pair() -> Structure:
    """Two cysteines 2.03 Å apart by their sulfurs, in a chain each."""
    structure = random_structure((1, 1))
    residues = torch.full((2,), chemistry.RESIDUE_INDEX["CYS"])
    positions, present = torch.zeros(2, 37, 3), torch.zeros(2, 37, dtype=torch.bool)
    for i in range(2):
        for name, x in (("SG", 0.0), ("CB", -1.8), ("CA", -2.8)):
            positions[i, SLOT[name], 0], present[i, SLOT[name]] = (x if i == 0 else 2.03 - x), True
    return replace(structure, residues=residues, positions=positions, present=present)


def test_numbers_say_nothing_about_bonds():
    structure = random_structure((6, 3))
    odd = replace(structure, numbers=7 * structure.numbers - 20, label_numbers=9 * structure.label_numbers)
    expected = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [6, 7], [7, 8]]
    assert peptide_bonds(structure).tolist() == peptide_bonds(odd).tolist() == expected


def test_a_gap_in_space_is_no_bond_whatever_the_numbers():
    structure = random_structure((6,))
    gap = structure.take(torch.tensor([0, 1, 2, 4, 5]))
    renumbered = replace(gap, numbers=torch.arange(5), label_numbers=torch.arange(5))
    assert peptide_bonds(renumbered).tolist() == [[0, 1], [1, 2], [3, 4]]


def test_a_ring_has_a_bond_more_and_no_ends():
    ring = linked(random_structure((6,)), "peptide", (5, "C"), (0, "N"))
    assert peptide_bonds(ring)[-1].tolist() == [5, 0]
    before, after = adjacent_residues(ring)
    assert before.tolist() == [5, 0, 1, 2, 3, 4] and after.tolist() == [1, 2, 3, 4, 5, 0]
    assert backbone_torsions(ring).isfinite().all()
    assert backbone_torsions(random_structure((6,))).isnan().sum() == 3


def test_sulfurs_at_bonding_distance_are_bonded_without_a_link(pair):
    bonds = residue_bonds(pair)
    assert bonds.residues.tolist() == [[0, 1]] and bonds.atoms.tolist() == [[SLOT["SG"]] * 2]
    far = pair.positions.clone()
    far[1] += torch.tensor([1.0, 0.0, 0.0])
    assert len(residue_bonds(pair.with_positions(far))) == 0
    declared = linked(pair.with_positions(far), "disulfide", (0, "SG"), (1, "SG"))
    assert len(residue_bonds(declared)) == 1, "a declared link holds at any distance"


def test_a_bond_that_is_declared_and_found_counts_once(pair):
    assert len(residue_bonds(linked(pair, "disulfide", (0, "SG"), (1, "SG")))) == 1


def test_lengths_and_ideal_lengths(pair):
    bonds = residue_bonds(pair)
    assert float(bonds.lengths(pair.positions)) == pytest.approx(2.03, abs=1e-5)
    assert float(bonds.ideal_lengths()) == pytest.approx(2.1)
    chain = residue_bonds(random_structure((3,)))
    assert chain.ideal_lengths().tolist() == pytest.approx([chemistry.PEPTIDE_BOND] * 2)


def test_a_metal_bonds_no_residues_and_a_link_of_backbones_fixes_no_side_chain(pair):
    far = pair.positions.clone()
    far[1] += 5.0
    apart = pair.with_positions(far)
    assert len(residue_bonds(linked(apart, "metal", (0, "SG"), (1, "SG")))) == 0
    ring = linked(random_structure((6,)), "peptide", (5, "C"), (0, "N"))
    assert not linked_side_chains(ring).any()
    assert linked_side_chains(linked(apart, "covalent", (0, "SG"), (1, "N"))).tolist() == [True, False]


def test_bonded_residues_are_those_across_a_bond(pair):
    assert bonded_residues(pair, torch.tensor([True, False])).tolist() == [False, True]
    chain = random_structure((4,))
    assert bonded_residues(chain, torch.arange(4) == 1).tolist() == [True, False, True, False]


def test_a_natural_chain_has_a_bond_at_each_junction():
    structure = read_structure("examples/1bhl.pdb")
    bonds = residue_bonds(structure)
    assert (bonds.lengths(structure.positions) - bonds.ideal_lengths()).abs().max() < 0.1


def test_residues_with_a_link_to_a_ligand_are_bound(pair):
    links = Links(torch.tensor([LINKS.index("covalent")]), torch.tensor([[1, -1]]), torch.tensor([[SLOT["SG"], 0]]))
    assert bound_to_hetero(replace(pair, links=links)).tolist() == [False, True]
    assert not bound_to_hetero(linked(pair, "disulfide", (0, "SG"), (1, "SG"))).any()


def test_the_order_of_residues_makes_no_second_bond(pair):
    """A link and a pair found by distance are one bond, also after the residues were taken the other way round."""
    declared = linked(pair, "disulfide", (0, "SG"), (1, "SG"))
    assert len(residue_bonds(declared.take(torch.tensor([1, 0])))) == 1
    ring = linked(random_structure((6,)), "peptide", (2, "C"), (3, "N"))
    assert peptide_bonds(ring).tolist() == [[i, i + 1] for i in range(5)]
