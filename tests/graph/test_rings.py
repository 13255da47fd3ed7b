"""Graphs of cyclic peptides: a ring has no ends, wherever its numbering starts."""

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.graph import protein_graph
from protein_enn.graph.features import MAX_OFFSET
from protein_enn.structure import LINKS, Links, Structure
from protein_enn.testing import random_structure


def close_ring(structure):
    """The same with a link from the last C to the first N."""
    end = len(structure) - 1
    pairs = torch.tensor([[end, 0]]), torch.tensor([[chemistry.C, chemistry.N]])
    return replace(structure, links=Links(torch.tensor([LINKS.index("peptide")]), *pairs))


def cyclic_peptide(n, seed=0):
    """n residues around a circle, all of them bonded, without symmetry."""
    open_chain = random_structure((n,), seed, torch.float64)
    angle = torch.arange(3 * n) * (2 * torch.pi / (3 * n))
    radius = 1.3 * 3 * n / (2 * torch.pi)
    trace = torch.stack([radius * angle.cos(), radius * angle.sin(), torch.zeros(3 * n)], 1).double().view(n, 3, 3)
    noise = torch.randn(n, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    positions = open_chain.positions.clone()
    positions[:, [chemistry.N, chemistry.CA, chemistry.C]] = trace + 0.15 * noise
    return close_ring(open_chain.with_positions(positions))


@pytest.mark.parametrize("n, first", [(9, 4), (12, 1), (12, 7), (70, 33)])
def test_a_cyclic_peptide_is_the_same_graph_wherever_its_numbering_starts(n, first):
    """No residue of a ring is the first: features, neighbors and offsets are permuted with the numbers."""
    ring = cyclic_peptide(n)
    order = torch.arange(n).roll(-first)
    renumbered = close_ring(replace(ring.take(order), numbers=torch.arange(1, n + 1)))
    ours, theirs = protein_graph(ring, 11, True), protein_graph(renumbered, 11, True)
    for key in ("pos", "scalars", "pseudoscalars", "vectors"):
        torch.testing.assert_close(theirs[key], ours[key][order], atol=1e-9, rtol=0, msg=key)
    assert torch.equal(order[theirs.neighbors], ours.neighbors[order])
    assert torch.equal(theirs.edge_types, ours.edge_types[order])


def test_the_ends_of_a_ring_are_neighbors_in_sequence():
    n = 12
    ring = cyclic_peptide(n)
    graph, cut = protein_graph(ring, 11, False), protein_graph(replace(ring, links=Links.empty()), 11, False)
    assert graph.scalars[:, 3:5].all() and cut.scalars[0, 3] == 0 and cut.scalars[n - 1, 4] == 0
    assert (graph.pseudoscalars != 0).all() and cut.pseudoscalars[n - 1, 2] == 0
    torch.testing.assert_close(graph.vectors[0, 5], ring.ca[n - 1] - ring.ca[0])
    torch.testing.assert_close(graph.vectors[n - 1, 4], ring.ca[0] - ring.ca[n - 1])
    offset = graph.edge_types - MAX_OFFSET
    steps = (graph.neighbors - torch.arange(n)[:, None]) % n
    assert torch.equal(offset % n, steps) and offset.abs().max() == n // 2
    inner = torch.arange(1, n - 1)
    assert torch.equal(graph.scalars[inner], cut.scalars[inner]) and torch.equal(
        graph.vectors[inner], cut.vectors[inner]
    )


def test_only_the_ends_of_one_chain_make_a_ring():
    """A peptide link across chains, or onto a residue that is bonded already, changes nothing."""
    structure = random_structure((8, 8))
    plain = protein_graph(structure, 6, False)
    for pair in ([15, 0], [7, 8], [5, 0], [7, 2], [0, 7], [3, 3]):
        atoms = torch.tensor([[chemistry.C, chemistry.N]])
        linked = replace(structure, links=Links(torch.tensor([LINKS.index("peptide")]), torch.tensor([pair]), atoms))
        graph = protein_graph(linked, 6, False)
        assert all(torch.equal(graph[key], plain[key]) for key in graph.to_dict()), pair
    broken = replace(close_ring(structure.take(torch.arange(8))), positions=structure.positions[:8].clone())
    broken.positions[4:] += 50.0 * broken.present[4:, :, None]
    across = replace(broken, links=Links(broken.links.kinds, torch.tensor([[3, 4]]), broken.links.atoms))
    assert protein_graph(across, 6, False).scalars[3, 4] == 0, "a gap is a gap"


def test_part_of_a_ring_is_open():
    ring = cyclic_peptide(12)
    assert len(ring.take(torch.arange(1, 12)).links) == 0
    for end in (0, 11):
        present = ring.present.clone()
        present[end, chemistry.CA] = False
        graph = protein_graph(replace(ring, present=present), 6, False)
        assert graph.scalars[0, 3] == 0 and graph.scalars[-1, 4] == 0


def test_two_rings_and_a_chain_do_not_mix():
    """A ring is closed with itself, not with its neighbor; offsets of the open chain do not change."""
    a, b, c = cyclic_peptide(6), cyclic_peptide(9, seed=1), random_structure((7,), 2, torch.float64)
    parts = [a, b.moved(torch.eye(3).double(), torch.tensor([0.0, 0.0, 8.0]).double()), c]
    names = ("residues", "positions", "present", "numbers", "label_numbers", "b_factors", "occupancies")
    joined = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
    texts = {name: sum((getattr(part, name) for part in parts), ()) for name in ("insertion_codes", "residue_names")}
    chains = torch.repeat_interleave(torch.arange(3), torch.tensor([6, 9, 7]))
    links = Links(torch.full((2,), LINKS.index("peptide")), torch.tensor([[5, 0], [14, 6]]),
                  torch.tensor([[chemistry.C, chemistry.N]] * 2))  # fmt: skip
    ids = ("A", "B", "C")
    whole = Structure(name="x", chains=chains, chain_ids=ids, label_chain_ids=ids, links=links, **joined, **texts)
    graph = protein_graph(whole, 21, False)
    for start, part in ((0, a), (6, b), (15, c)):
        alone = protein_graph(part, 21, False)
        torch.testing.assert_close(graph.scalars[start : start + len(part)], alone.scalars, atol=1e-9, rtol=0)
        types, mine = torch.full((2, len(part), len(part)), -1)
        every = torch.arange(len(part))[:, None]
        types[every, alone.neighbors] = alone.edge_types
        inside = graph.neighbors[start : start + len(part)] - start
        within = (inside >= 0) & (inside < len(part))
        mine[every.expand_as(inside)[within], inside[within]] = graph.edge_types[start : start + len(part)][within]
        off = ~torch.eye(len(part), dtype=torch.bool)
        assert torch.equal(mine[off], types[off])
    one = replace(whole, chains=torch.zeros(22, dtype=torch.long), chain_ids=("A",), numbers=torch.arange(22))
    ours, cut = protein_graph(one, 21, False), protein_graph(replace(one, links=Links.empty()), 21, False)
    across = chains[ours.neighbors] != chains[:, None]
    assert torch.equal(ours.edge_types[across], cut.edge_types[across]), "out of a ring the order counts"
