"""Graphs: their contents, and that `moved` moves every field."""

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.geometry.neighbors.search import DENSE_LIMIT, nearest_neighbors
from protein_enn.graph import ProteinGraph, atom_graph, protein_graph
from protein_enn.graph.features import EDGE_TYPES, sequence_index
from protein_enn.graph.fields import Transform
from protein_enn.graph.protein_graph import graph_of_atoms
from protein_enn.structure import KINDS, LINKS, HeteroAtoms, Links
from protein_enn.testing import random_rotation, random_structure

CB = 3  # index among the vectors of a backbone


@pytest.mark.parametrize("side_chains", [False, True])
def test_moving_the_graph_equals_the_graph_of_the_moved_structure(side_chains):
    """Rotation, reflection and translation: `moved` against the features of the moved structure."""
    structure = random_structure((15, 8), dtype=torch.float64)
    graph = protein_graph(structure, 6, side_chains)
    shift = torch.tensor([10.0, -300.0, 40.0], dtype=torch.float64)
    for rotation in (random_rotation(2), -random_rotation(2)):
        expected = protein_graph(structure.moved(rotation, shift), 6, side_chains)
        moved = graph.moved(rotation, shift)
        if not side_chains and rotation.det() < 0:  # the mirror image of an ideal CB is that of a D-amino acid
            assert (moved.vectors[:, CB] - expected.vectors[:, CB]).norm(dim=-1).min() > 1.0
            expected.vectors[:, CB] = moved.vectors[:, CB]
        for key in graph.to_dict():
            torch.testing.assert_close(moved[key], expected[key], atol=1e-9, rtol=0, msg=f"field {key}")


@pytest.mark.parametrize("transform", list(Transform))
def test_a_declared_field_changes_as_declared(transform, monkeypatch):
    graph = protein_graph(random_structure((9,), dtype=torch.float64), 4, False)
    with monkeypatch.context() as patch:
        patch.setitem(ProteinGraph.transforms, "dipole", transform)
        graph.dipole = values = torch.randn(len(graph.pos), 3, dtype=torch.float64)
        rotation, shift = -random_rotation(3), torch.tensor([1.0, 2.0, 3.0]).double()
        moved = graph.moved(rotation, shift).dipole
    rotated = values @ rotation.T
    expected = {
        Transform.POSITION: rotated + shift,
        Transform.VECTOR: rotated,
        Transform.PSEUDOSCALAR: -values,
        Transform.SCALAR: values,
    }
    assert torch.equal(moved, expected[transform])


def test_a_field_of_floats_that_is_not_declared_cannot_be_moved():
    graph = protein_graph(random_structure((9,)), 4, False)
    graph.names = torch.arange(9)  # numbers that no motion changes need no declaration
    graph.moved(torch.eye(3), torch.zeros(3))
    graph.charges = torch.zeros(9)
    with pytest.raises(TypeError, match="ProteinGraph has a field 'charges' that is not declared"):
        graph.moved(torch.eye(3), torch.zeros(3))


def test_design_graph_holds_nothing_of_the_sequence():
    structure = random_structure((20,))
    other = replace(structure, residues=(structure.residues + 7) % 20)
    theirs = protein_graph(other, 6, False)
    for key, ours in protein_graph(structure, 6, False).to_dict().items():
        assert torch.equal(ours, theirs[key]), key


def test_side_chain_atoms_are_ignored_without_side_chains():
    structure = random_structure((20,))
    positions = structure.positions.clone()
    positions[:, 5:36] += 3.0 * structure.present[:, 5:36, None]
    ours, theirs = protein_graph(structure, 6, False), protein_graph(replace(structure, positions=positions), 6, False)
    assert torch.equal(ours.vectors, theirs.vectors)
    assert torch.equal(ours.scalars, theirs.scalars)


def test_missing_atoms_become_zeros_and_breaks_cut_dihedrals():
    structure = random_structure((10,))
    present = structure.present.clone()
    present[4, [chemistry.N, chemistry.O]] = False
    graph = protein_graph(replace(structure, present=present), 6, False)
    assert graph.scalars[4, 0] == 0 and graph.scalars[4, 2] == 0 and graph.scalars[4, 1] == 1
    assert torch.equal(graph.vectors[4, 0], torch.zeros(3))
    assert graph.scalars[4, 5] == 0  # phi of residue 4 needs its N
    gap = structure.positions.clone()
    gap[5:] += 50.0 * structure.present[5:, :, None]
    graph = protein_graph(replace(structure, positions=gap), 9, False)
    assert graph.scalars[4, 4] == 0 and graph.scalars[5, 3] == 0
    assert not graph.bonded[4]


def test_residues_without_ca_are_no_nodes_and_other_chains_have_their_own_type():
    structure = random_structure((6, 6))
    present = structure.present.clone()
    present[2, chemistry.CA] = False
    graph = protein_graph(replace(structure, present=present), 20, False)
    assert graph.rows.tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    across = (graph.rows[graph.neighbors] >= 6) != (graph.rows[:, None] >= 6)
    assert torch.equal(graph.edge_types == EDGE_TYPES - 1, across & graph.neighbor_mask | across)
    with pytest.raises(ValueError, match=r"lacks CA|has CA; give a file"):
        protein_graph(replace(structure, present=torch.zeros_like(present)), 6, False)


def test_numbers_are_names_and_not_looked_at():
    """Also where a chain has a gap: what counts is how many residues it takes to span it."""
    structure = random_structure((12,))
    odd = replace(structure, numbers=torch.tensor([1, 2, 3, 300, 301, -5, 7, 7, 9, 10, 11, 12]))
    assert torch.equal(protein_graph(structure, 5, False).edge_types, protein_graph(odd, 5, False).edge_types)
    gap, odd_gap = (one.take(torch.tensor([0, 1, 2, 3, 8, 9, 10, 11])) for one in (structure, odd))
    ours, theirs = protein_graph(gap, 5, False), protein_graph(odd_gap, 5, False)
    assert torch.equal(ours.edge_types, theirs.edge_types) and not ours.bonded[3]


def test_a_gap_counts_the_residues_that_span_it():
    ca = torch.tensor([0.0, 3.8, 14.0, 17.8, 23.0, 400.0])[:, None] * torch.tensor([0.0, 1.0, 0.0])
    bonded = torch.tensor([True, False, True, False, False, False])
    assert sequence_index(ca, bonded).diff().tolist() == [1, 3, 1, 2, 33]


def test_atom_graph_has_ligands_bonds_and_no_waters():
    structure = random_structure((5,))
    ligand = HeteroAtoms(
        torch.tensor([[1.0, 0, 0], [2.0, 0, 0], [9.0, 0, 0]]), ("ZN", "C", "O"), ("ZN", "C1", "O"),
        ("ZN", "LIG", "HOH"), ("A:90", "A:91", "A:92"),
        torch.tensor([KINDS.index("ion"), KINDS.index("ligand"), KINDS.index("water")]), torch.zeros(3), torch.ones(3),
    )  # fmt: skip
    graph = atom_graph(replace(structure, hetero=ligand), k=12)
    atoms = int(structure.present.sum())
    assert graph.num_nodes == atoms + 2
    assert atom_graph(replace(structure, hetero=ligand), k=12, waters=True).num_nodes == atoms + 3
    rows = graph.rows.tolist()
    i, j = rows.index(chemistry.N), rows.index(chemistry.CA)
    column = graph.neighbors[i].tolist().index(j)
    assert graph.edge_types[i, column] == 0  # N-CA of one residue is a bond


def test_tree_and_dense_search_agree():
    points = torch.randn(DENSE_LIMIT + 1, 3, generator=torch.Generator().manual_seed(0)) * 30
    index, mask = nearest_neighbors(points, 12)  # the tree
    near = (points[:200, None] - points[None]).norm(dim=-1)
    near[torch.arange(200), torch.arange(200)] = torch.inf
    assert torch.equal(index[:200], near.topk(12, largest=False).indices)
    assert mask.all()


def test_coincident_points_do_not_become_their_own_neighbors():
    points = torch.zeros(DENSE_LIMIT + 5, 3)
    points[20:] = torch.randn(DENSE_LIMIT - 15, 3)
    index, _ = nearest_neighbors(points, 8)
    assert (index != torch.arange(len(points))[:, None]).all()


def test_the_backbone_alone_makes_the_graph_of_all_atoms():
    """Without side chains only four atoms of each residue are read; the graph equals that of atom14 bit by bit."""
    structure = random_structure((40, 9), seed=3)
    graph = protein_graph(structure, 12, False)
    center = structure.ca.double().mean(0)
    positions = (structure.positions.double() - center).float()
    atom14, mask = to_atom14(positions, structure.present, structure.residues)
    whole = graph_of_atoms(atom14, mask, structure.residues, structure.chains, 12, False)
    for key in ("scalars", "pseudoscalars", "vectors", "neighbors", "edge_types", "bonded"):
        assert torch.equal(graph[key], whole[key]), key


def test_links_are_bonds_of_the_atom_graph():
    """A disulfide, and a metal on a side chain; links of waters are left out with the waters."""
    structure = random_structure((5,))
    sg = chemistry.ATOM_INDEX["SG"]
    present, positions = structure.present.clone(), structure.positions.clone()
    present[[0, 4], sg] = True
    positions[0, sg], positions[4, sg] = torch.tensor([50.0, 0, 0]), torch.tensor([52.0, 0, 0])
    hetero = HeteroAtoms(
        torch.tensor([[50.0, 3, 0], [50.0, -2, 0]]), ("O", "ZN"), ("O", "ZN"), ("HOH", "ZN"), ("A:91", "A:90"),
        torch.tensor([KINDS.index("water"), KINDS.index("ion")]), torch.zeros(2), torch.ones(2),
    )  # fmt: skip
    links = Links(
        torch.tensor([LINKS.index("disulfide"), LINKS.index("metal"), LINKS.index("metal")]),
        torch.tensor([[0, 4], [0, -1], [0, -1]]), torch.tensor([[sg, sg], [sg, 1], [sg, 0]]),
    )  # fmt: skip
    whole = replace(structure, present=present, positions=positions, hetero=hetero, links=links)
    graph, cut = atom_graph(whole, k=6), atom_graph(replace(whole, links=Links.empty()), k=6)
    width = len(chemistry.ATOMS)
    node = {row: i for i, row in enumerate(graph.rows.tolist())}
    bonds = {(node[sg], node[4 * width + sg]), (node[sg], node[5 * width + 1])}
    bonds |= {(b, a) for a, b in bonds}
    changed = (graph.edge_types != cut.edge_types).nonzero().tolist()
    assert {(i, int(graph.neighbors[i, j])) for i, j in changed} == bonds
    assert all(graph.edge_types[i, j] == 0 for i, j in changed)
    watery = atom_graph(whole, k=6, waters=True)
    assert int((watery.edge_types == 0).sum()) == int((graph.edge_types == 0).sum()) + 2


@pytest.mark.parametrize("n", [40, DENSE_LIMIT + 40])
def test_of_equally_near_points_the_lower_index_comes_first(n):
    """Points on a lattice; the result does not depend on the search or on the origin."""
    points = torch.cartesian_prod(*[torch.arange(12.0)] * 3)[:n]
    index, _ = nearest_neighbors(points, 6)
    distances = (points[:, None] - points[index]).norm(dim=-1)
    ties = distances[:, 1:] == distances[:, :-1]
    assert ties.any() and (distances[:, 1:] >= distances[:, :-1]).all()
    assert (index[:, 1:] > index[:, :-1])[ties].all()
    far, _ = nearest_neighbors(points + 4096.0, 6)
    assert torch.equal(index, far) or n > DENSE_LIMIT
