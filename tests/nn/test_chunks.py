"""Chunks give the same values and gradients as one pass, and keep nothing in between."""

import pytest
import torch

from protein_enn.nn.chunks import Source, chunk_size, current_chunk, in_chunks


def example() -> tuple:
    torch.manual_seed(0)
    rows = torch.randn(10, 4, 3, dtype=torch.float64, requires_grad=True)
    values = torch.randn(8, 2, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    return rows, values, weight, torch.randint(8, (10, 4))


def run(chunk: int) -> list[torch.Tensor]:
    rows, values, weight, neighbors = example()

    def step(rows, source):
        mixed = torch.einsum("nki,ij,nkgj->ngj", rows, weight, source.gather())
        return mixed.tanh(), rows.sum((1, 2))

    with chunk_size(chunk):
        first, second = in_chunks(step, (rows,), (values,), neighbors, (weight,))
    loss = (first * torch.arange(first.numel()).view_as(first)).sum() + second.square().sum()
    return [first, second, *torch.autograd.grad(loss, (rows, values, weight))]


@pytest.mark.parametrize("chunk", [1, 3, 5, 9])
def test_values_and_gradients_are_those_of_one_pass(chunk):
    for one, other in zip(run(chunk), run(1000), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_without_gradients_too():
    with torch.no_grad():
        rows, values, _, neighbors = example()
        with chunk_size(4):
            (result,) = in_chunks(lambda r, s: (r.sum(2) + s.gather().sum((2, 3)),), (rows,), (values,), neighbors)
    torch.testing.assert_close(result, rows.sum(2) + values.sum((1, 2))[neighbors])


def test_a_step_gets_no_more_nodes_than_a_chunk():
    rows, values, _, neighbors = example()
    sizes = []

    def step(rows, source):
        sizes.append(len(rows))
        return (source.gather().sum((1, 2, 3)),)

    with chunk_size(4):
        (result,) = in_chunks(step, (rows,), (values,), neighbors)
        result.sum().backward()
    assert sizes == [4, 4, 2] * 2  # forward, and again in the backward pass


def test_what_needs_no_gradient_gets_none():
    rows, values, weight, neighbors = example()
    rows, weight = rows.detach(), weight.detach()
    with chunk_size(3):
        (result,) = in_chunks(
            lambda r, s: (s.gather().sum((1, 2, 3)) + r.sum((1, 2)),), (rows,), (values,), neighbors, (weight,)
        )
        result.sum().backward()
    counts = torch.bincount(neighbors.flatten(), minlength=8).double()
    torch.testing.assert_close(values.grad, counts[:, None, None].expand(8, 2, 5))


def test_an_output_that_is_not_used_costs_nothing_and_breaks_nothing():
    rows, values, _, neighbors = example()
    with chunk_size(3):
        first, _ = in_chunks(lambda r, s: (s.gather().sum((1, 2, 3)), r * 2), (rows,), (values,), neighbors)
        first.sum().backward()
    assert rows.grad is None or rows.grad.abs().max() == 0


def test_sources_are_gathered_like_by_indexing():
    _, values, _, neighbors = example()
    assert torch.equal(Source(values, neighbors).gather(), values[neighbors])
    own = torch.arange(40).view(10, 4)
    assert torch.equal(Source(values[neighbors].flatten(0, 1), own, distinct=True).gather(), values[neighbors])


def test_small_graphs_keep_what_the_backward_pass_needs():
    """Above a chunk, below KEPT: one call in all."""
    sizes = []

    def step(rows):
        sizes.append(len(rows))
        return (rows * 2,)

    n = current_chunk(torch.device("cpu")) + 1
    in_chunks(step, (torch.ones(n, 1, requires_grad=True),), (), torch.zeros(n, 2, dtype=torch.long))[
        0
    ].sum().backward()
    assert sizes == [n]


def test_a_chunk_holds_a_node_at_least():
    with pytest.raises(ValueError, match="at least 1 node"), chunk_size(0):
        pass


def test_the_size_is_set_within_the_block_alone():
    before = current_chunk(torch.device("cpu"))
    with chunk_size(before + 1):
        assert current_chunk(torch.device("cpu")) == before + 1
    assert current_chunk(torch.device("cpu")) == before


def test_gradients_of_chunks_can_be_differentiated():
    rows, values, weight, neighbors = example()

    def step(rows, source):
        return (torch.einsum("nki,ij,nkgj->ngj", rows, weight, source.gather()).tanh(),)

    def function(rows, values, weight):
        return in_chunks(step, (rows,), (values,), neighbors, (weight,))[0]

    def second_order():
        z = function(rows, values, weight)
        first = torch.autograd.grad(z.square().sum(), (rows, values, weight), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), (rows, values, weight))

    with chunk_size(3):
        ours = second_order()
    for one, other in zip(ours, second_order(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)
