"""Graphs: what is in them, and that `moved` forgets no field."""

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.neighbors import DENSE_LIMIT, nearest_neighbors
from protein_enn.graph import atom_graph, protein_graph
from protein_enn.graph.features import EDGE_TYPES
from protein_enn.structure import KINDS, OtherAtoms
from protein_enn.testing import random_rotation, random_structure


@pytest.mark.parametrize("side_chains", [False, True])
def test_moving_the_graph_equals_the_graph_of_the_moved_structure(side_chains):
    """Rotation, reflection and translation: the law of `moved` against the features computed anew."""
    structure = random_structure((15, 8), dtype=torch.float64)
    graph = protein_graph(structure, 6, side_chains)
    shift = torch.tensor([10.0, -300.0, 40.0], dtype=torch.float64)
    for turn in (random_rotation(2), -random_rotation(2)):
        expected = protein_graph(structure.moved(turn, shift), 6, side_chains)
        moved = graph.moved(turn, shift)
        for key in graph.keys():  # noqa: SIM118 - a graph iterates over (key, value)
            torch.testing.assert_close(moved[key], expected[key], atol=1e-9, rtol=0, msg=f"field {key}")


def test_design_graph_holds_nothing_of_the_sequence():
    structure = random_structure((20,))
    other = replace(structure, residues=(structure.residues + 7) % 20)
    for (key, ours), (_, theirs) in zip(
        protein_graph(structure, 6, False), protein_graph(other, 6, False), strict=True
    ):
        assert torch.equal(ours, theirs), key


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
    with pytest.raises(ValueError, match="no residue with a CA"):
        protein_graph(replace(structure, present=torch.zeros_like(present)), 6, False)


def test_numbering_is_not_trusted_where_residues_are_bonded():
    structure = random_structure((12,))
    odd = replace(structure, numbers=torch.tensor([1, 2, 3, 300, 301, -5, 7, 7, 9, 10, 11, 12]))
    assert torch.equal(protein_graph(structure, 5, False).edge_types, protein_graph(odd, 5, False).edge_types)


def test_atom_graph_has_ligands_bonds_and_no_waters():
    structure = random_structure((5,))
    ligand = OtherAtoms(
        torch.tensor([[1.0, 0, 0], [2.0, 0, 0], [9.0, 0, 0]]), ("ZN", "C", "O"), ("ZN", "C1", "O"),
        ("ZN", "LIG", "HOH"), ("A:90", "A:91", "A:92"),
        torch.tensor([KINDS.index("ion"), KINDS.index("ligand"), KINDS.index("water")]),
    )  # fmt: skip
    graph = atom_graph(replace(structure, others=ligand), k=12)
    atoms = int(structure.present.sum())
    assert graph.num_nodes == atoms + 2
    assert atom_graph(replace(structure, others=ligand), k=12, waters=True).num_nodes == atoms + 3
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


def test_coincident_points_do_not_become_their_own_neighbours():
    points = torch.zeros(DENSE_LIMIT + 5, 3)
    points[20:] = torch.randn(DENSE_LIMIT - 15, 3)
    index, _ = nearest_neighbors(points, 8)
    assert (index != torch.arange(len(points))[:, None]).all()
