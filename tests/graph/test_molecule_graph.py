"""Graphs of molecules: every neighbor within the cutoff, batches, and what is refused."""

from __future__ import annotations

import pytest
import torch

from protein_enn.graph import batch, molecule_graph
from protein_enn.graph.molecule_graph import NUMBERS


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
    node, place = graph.neighbor_mask.nonzero().unbind(1)
    found.index_put_((node, graph.neighbors[node, place]), torch.tensor(1), accumulate=True)
    assert torch.equal(found, expected.long())
    assert graph.k == max(int(expected.sum(1).max()), 1)


def test_inputs_are_elements_and_the_total_charge() -> None:
    elements, positions = cloud(9)
    graph = molecule_graph(elements, positions, -1, 3.0)
    assert torch.equal(torch.tensor(NUMBERS)[graph.elements], elements)
    assert torch.equal(torch.tensor(NUMBERS)[graph.scalars[:, :-1].argmax(1)], elements)
    assert bool((graph.scalars[:, -1] == -1).all())
    pairs = graph.elements[:, None] * len(NUMBERS) + graph.elements[graph.neighbors]
    assert torch.equal(graph.edge_types, pairs)


def test_molecules_with_different_numbers_of_neighbors_are_joined() -> None:
    parts = [molecule_graph(*cloud(n, n), 0, 3.0) for n in (30, 1, 12)]
    whole, start = batch(parts), 0
    assert whole.k == max(part.k for part in parts) and len({part.k for part in parts}) == 3
    for part in parts:
        rows = slice(start, start + part.num_nodes)
        assert torch.equal(whole.neighbors[rows, : part.k] - start, part.neighbors)
        assert torch.equal(whole.neighbor_mask[rows, : part.k], part.neighbor_mask)
        assert not whole.neighbor_mask[rows, part.k :].any()
        assert bool((whole.neighbors[rows, part.k :] == torch.arange(start, start + part.num_nodes)[:, None]).all())
        start += part.num_nodes


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
