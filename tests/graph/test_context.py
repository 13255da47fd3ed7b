"""Context atoms: which ones belong to a residue, and that they rotate with it."""

from dataclasses import replace

import pytest
import torch

from protein_enn.graph import batch, protein_graph
from protein_enn.graph.context import (
    CONTEXT_ATOMS,
    CONTEXT_KINDS,
    CONTEXT_RADIUS,
    ELEMENT_CLASSES,
    context_features,
    element_kinds,
)
from protein_enn.structure import KINDS, HeteroAtoms, Structure
from protein_enn.testing import random_rotation, random_structure


def with_atoms(structure: Structure, positions, elements, kind="ligand", ids=None) -> Structure:
    m = len(positions)
    elements = tuple(elements)
    hetero = HeteroAtoms(
        positions.to(structure.positions), elements, elements, ("LIG",) * m, ids or ("Z:1",) * m,
        torch.full((m,), KINDS.index(kind)), torch.zeros(m), torch.ones(m),
    )  # fmt: skip
    return replace(structure, hetero=hetero)


def ligand(structure: Structure, m: int = 40, seed: int = 0) -> Structure:
    """m atoms of several elements around the first half of the structure."""
    generator = torch.Generator().manual_seed(seed)
    ca = structure.ca[torch.randint(len(structure) // 2, (m,), generator=generator)]
    elements = ("C", "N", "O", "P", "ZN", "CL", "Fe", "XE")
    return with_atoms(structure, ca + 3 * torch.randn(m, 3, generator=generator), (elements * m)[:m])


STRUCTURE = random_structure((20, 12), dtype=torch.float64)


def zinc_site() -> Structure:
    """Zinc 4.5 Å from the CA of residue 3."""
    zinc = STRUCTURE.ca[3] + torch.tensor([4.5, 0, 0]).double()
    return with_atoms(STRUCTURE, zinc[None], ("ZN",), "ion")


def test_a_zinc_is_context_of_the_residues_within_reach_and_no_other():
    structure = zinc_site()
    graph = protein_graph(structure, 8, False)
    offset = structure.hetero.positions - structure.ca
    in_reach = offset.norm(dim=1) <= CONTEXT_RADIUS
    assert in_reach[3] and not in_reach.all()
    assert torch.equal(graph.context_kinds[:, 0], element_kinds(["ZN"])[0] * in_reach)
    assert graph.context_kinds[:, 1:].sum() == 0 and graph.context_vectors[:, 1:].abs().sum() == 0
    torch.testing.assert_close(graph.context_vectors[:, 0], offset * in_reach[:, None])


def test_classes_of_elements():
    assert CONTEXT_KINDS == len(ELEMENT_CLASSES) <= 16
    named = [e for elements in ELEMENT_CLASSES for e in elements]
    assert len(named) == len(set(named)) and all(e == e.upper() for e in named)
    assert element_kinds(["C", "c", "Zn", "ZN", "Se", "XE", "X"]).tolist() == [1, 1, 10, 10, 4, 13, 13]
    assert element_kinds([]).shape == (0,) and element_kinds(named).min() > 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_context_rotates_and_reflects_with_the_graph(sign):
    structure = ligand(STRUCTURE)
    rotation, shift = sign * random_rotation(2), torch.tensor([10.0, -300.0, 40.0], dtype=torch.float64)
    expected = protein_graph(structure.moved(rotation, shift), 6, False)
    moved = protein_graph(structure, 6, False).moved(rotation, shift)
    assert expected.context_vectors.abs().sum() > 0 and (expected.context_kinds[:, -1] > 0).any(), "some have too many"
    torch.testing.assert_close(moved.context_vectors, expected.context_vectors, atol=1e-9, rtol=0)
    assert torch.equal(moved.context_kinds, expected.context_kinds)


def test_far_context_and_water_change_nothing_and_none_is_zeros():
    plain = protein_graph(STRUCTURE, 8, False)
    assert plain.context_vectors.shape == (32, 0, 3) and plain.context_kinds.shape == (32, 0)
    far = with_atoms(STRUCTURE, STRUCTURE.ca + 500.0, ("C",) * 32)
    water = with_atoms(STRUCTURE, STRUCTURE.ca + 2.0, ("O",) * 32, "water")
    for other in (protein_graph(water, 8, False), protein_graph(ligand(STRUCTURE), 8, True)):
        assert torch.equal(other.context_vectors, plain.context_vectors)
        assert torch.equal(other.context_kinds, plain.context_kinds)
    graph = protein_graph(far, 8, False)
    assert graph.context_kinds.shape == (32, CONTEXT_ATOMS)
    assert not graph.context_vectors.any() and not graph.context_kinds.any()


def test_atoms_that_a_modified_residue_has_beyond_its_parent_are_no_context():
    position = STRUCTURE.ca[:1] + 2.0
    assert not protein_graph(with_atoms(STRUCTURE, position, ("P",), "other"), 8, False).context_kinds.any()
    assert protein_graph(with_atoms(STRUCTURE, position, ("P",), "ligand"), 8, False).context_kinds.any()


def test_the_order_of_context_atoms_does_not_matter():
    structure = ligand(STRUCTURE)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    shuffled = with_atoms(
        STRUCTURE, structure.hetero.positions[order], [structure.hetero.elements[i] for i in order.tolist()]
    )
    ours, theirs = protein_graph(structure, 8, False), protein_graph(shuffled, 8, False)
    assert torch.equal(ours.context_vectors, theirs.context_vectors)
    assert torch.equal(ours.context_kinds, theirs.context_kinds)


def test_of_many_atoms_those_on_the_side_of_the_side_chain_are_used():
    """An N-CA-C corner and two clouds of atoms at similar distance: one on the side of CB, one on that of N and C."""
    atom14 = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    mask = torch.tensor([[True, True, True, False]])
    cloud = torch.randn(CONTEXT_ATOMS, 3, generator=torch.Generator().manual_seed(0)) * 0.3
    behind = cloud - torch.tensor([0.0, 6.0, 0.0])
    before = cloud + torch.tensor([0.0, 5.0, 0.0])  # nearer to CA
    context = torch.cat([before, behind]), torch.tensor([2] * CONTEXT_ATOMS + [1] * CONTEXT_ATOMS)
    assert context_features(atom14, mask, context)[1].tolist() == [[1] * CONTEXT_ATOMS]
    nothing = torch.tensor([[False, True, False, False]])
    assert context_features(atom14, nothing, context)[1].tolist() == [[2] * CONTEXT_ATOMS]


def test_a_batch_keeps_the_context_of_each_graph():
    graphs = [protein_graph(s, 6, False) for s in (ligand(STRUCTURE), STRUCTURE, zinc_site())]
    whole = batch(graphs)
    none = torch.zeros(len(STRUCTURE), CONTEXT_ATOMS, 3)
    assert torch.equal(whole.context_vectors, torch.cat([graphs[0].context_vectors, none, graphs[2].context_vectors]))
    kinds = [graphs[0].context_kinds, none[..., 0].long(), graphs[2].context_kinds]
    assert torch.equal(whole.context_kinds, torch.cat(kinds))
