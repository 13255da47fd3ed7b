"""Graphs of molecules: every neighbor within the cutoff, in rows; batches; what is refused."""

from __future__ import annotations

import pytest
import torch

from protein_enn.graph import batch, molecule_graph
from protein_enn.graph.molecule_graph import NUMBERS, WIDTH


def cloud(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    elements = torch.tensor(NUMBERS)[torch.randint(len(NUMBERS), (n,), generator=generator)]
    return elements, torch.randn(n, 3, generator=generator, dtype=torch.float64) * n ** (1 / 3)


@pytest.mark.parametrize("n", [1, 2, 40, 300])
@pytest.mark.parametrize("cutoff", [0.5, 4.0, 1000.0])
def test_all_atoms_within_the_cutoff_are_neighbors(n: int, cutoff: float) -> None:
    elements, positions = cloud(n)
    graph = molecule_graph(elements, positions, 0, cutoff)
    distance = (positions[:, None] - positions).norm(dim=-1)
    expected = (distance <= cutoff) & ~torch.eye(n, dtype=torch.bool)
    found = torch.zeros(n, n, dtype=torch.long)
    row, place = graph.neighbor_mask.nonzero().unbind(1)
    found.index_put_((graph.targets[row], graph.neighbors[row, place]), torch.tensor(1), accumulate=True)
    assert torch.equal(found, expected.long())
    assert len(graph.neighbors) == int(expected.sum(1).div(WIDTH).ceil().clamp_min(1).sum()), "no empty rows"


def test_inputs_are_elements_and_the_total_charge() -> None:
    elements, positions = cloud(9)
    graph = molecule_graph(elements, positions, -1, 3.0)
    assert torch.equal(torch.tensor(NUMBERS)[graph.elements], elements)
    assert torch.equal(torch.tensor(NUMBERS)[graph.scalars[:, :-1].argmax(1)], elements)
    assert bool((graph.scalars[:, -1] == -1).all())
    pairs = graph.elements[graph.targets][:, None] * len(NUMBERS) + graph.elements[graph.neighbors]
    assert torch.equal(graph.edge_types, pairs)


def test_molecules_of_all_sizes_are_joined() -> None:
    parts = [molecule_graph(*cloud(n, n), 0, 3.0) for n in (30, 1, 12)]
    whole, node, row = batch(parts), 0, 0
    for part in parts:
        rows = slice(row, row + len(part.targets))
        assert torch.equal(whole.targets[rows] - node, part.targets)
        assert torch.equal(whole.neighbors[rows] - node, part.neighbors)
        assert torch.equal(whole.neighbor_mask[rows], part.neighbor_mask)
        node, row = node + part.num_nodes, row + len(part.targets)
    assert whole.num_nodes == node and whole.num_graphs == 3 and len(whole.targets) == row


def test_edges_for_other_libraries_are_the_same_pairs() -> None:
    graph = molecule_graph(*cloud(40), 0, 4.0)
    data = graph.to_data()
    pairs = (graph.pos[data.edge_index[0]] - graph.pos[data.edge_index[1]]).norm(dim=1)
    assert len(pairs) == int(graph.neighbor_mask.sum()) and bool((pairs <= 4.0).all())
    assert torch.equal(
        data.edge_type, graph.elements[data.edge_index[1]] * len(NUMBERS) + graph.elements[data.edge_index[0]]
    )


@pytest.mark.parametrize(
    ("elements", "positions", "message"),
    [
        (torch.zeros(0, dtype=torch.long), torch.zeros(0, 3), "without atoms"),
        (torch.tensor([6, 9]), torch.zeros(2, 3), "atom 1 has the atomic number 9"),
        (torch.tensor([6, 1]), torch.tensor([[0.0, 0, 0], [torch.nan, 0, 0]]), "finite"),
    ],
)
def test_what_is_no_molecule_is_refused(elements: torch.Tensor, positions: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        molecule_graph(elements, positions, 0, 5.0)
