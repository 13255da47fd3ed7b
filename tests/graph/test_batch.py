"""Graphs joined to one, and handed to torch-geometric."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.nn import SimpleConv

from protein_enn.graph import ProteinGraph, batch, protein_graph
from protein_enn.testing import random_structure


def graphs() -> list[ProteinGraph]:
    return [protein_graph(random_structure((n,), seed=n), k=4, side_chains=False) for n in (12, 3, 8)]


def test_neighbors_of_a_joined_graph_are_those_of_each_graph() -> None:
    parts, start = graphs(), 0
    whole = batch(parts)
    assert whole.num_graphs == 3 and whole.num_nodes == 23 and "batch" not in parts[0]
    for number, part in enumerate(parts):
        rows = slice(start, start + part.num_nodes)
        assert torch.equal(whole.neighbors[rows] - start, part.neighbors)
        assert torch.equal(whole.pos[rows], part.pos) and bool((whole.batch[rows] == number).all())
        start += part.num_nodes


def test_numbers_of_nodes_are_shifted_in_every_field_that_holds_them() -> None:
    parts = graphs()
    for part in parts:
        part.closures = torch.tensor([[part.num_nodes - 1, 0]])
    assert batch(parts).closures.tolist() == [[11, 0], [14, 12], [22, 15]]


def test_one_graph_is_itself() -> None:
    graph = graphs()[0]
    assert batch([graph]) is graph and graph.num_graphs == 1


def test_graphs_with_different_fields_are_refused() -> None:
    first, second, _ = graphs()
    second.language = torch.zeros(3, 5)
    with pytest.raises(ValueError, match="only some of them have language"):
        batch([first, second])


def test_a_clone_has_its_own_tensors() -> None:
    graph = graphs()[0]
    copy = graph.clone()
    copy.pos += 1
    assert not torch.equal(copy.pos, graph.pos)


def test_layers_of_torch_geometric_take_the_graph() -> None:
    """The sum over neighbors by `SimpleConv`, for one graph and for a batch of torch-geometric's own."""
    parts = graphs()
    whole = batch(parts)
    expected = (whole.scalars[whole.neighbors] * whole.neighbor_mask[..., None]).sum(1)
    data = whole.to_data()
    torch.testing.assert_close(SimpleConv(aggr="sum")(data.scalars, data.edge_index), expected)
    theirs = Batch.from_data_list([part.to_data() for part in parts])
    torch.testing.assert_close(SimpleConv(aggr="sum")(theirs.scalars, theirs.edge_index), expected)
    assert torch.equal(data.edge_type, whole.edge_types[whole.neighbor_mask])
