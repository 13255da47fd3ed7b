"""Messages and updates of edges in float32 by compiled loops, against their formulas in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu

from protein_enn.nn import compiled
from protein_enn.nn.edge_loops import loops_for
from protein_enn.nn.float_edges import summed_messages, supported, updated_edges

needs_loops = pytest.mark.skipif(
    not compiled.float_edges_supported(), reason="no compiled loops here: they need GCC and a CPU with AVX-512"
)
SIZES = [(37, 32, 128, 128), (50, 20, 96, 128), (9, 13, 64, 96), (1, 1, 16, 32), (3, 100, 256, 48), (0, 4, 32, 32)]
"""Nodes, neighbors, widths of edges and messages: blocks that are filled, not filled, and of one node; none."""


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    layer.weight.data, layer.bias.data = drawn(outputs, inputs) / inputs**0.5, drawn(outputs)
    return layer


def double(layer: nn.Linear, x: Tensor) -> Tensor:
    return x @ layer.weight.double().T + layer.bias.double()


@needs_loops
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("n", "k", "d", "h"), SIZES)
@torch.no_grad()
def test_sums_and_updates_are_those_of_the_formulas(n: int, k: int, d: int, h: int, threads: int) -> None:
    edges, target, source, table = drawn(n, k, d), 10 * drawn(n, h), drawn(n + 2, h), drawn(22, h)
    neighbors, kinds = torch.randint(n + 2, (n, k)), torch.randint(22, (n, k))
    weight, matrix, deeper, outer = drawn(n, k).abs(), drawn(h, d) / d**0.5, linear(h, h), linear(h, d)
    before, used = edges.clone(), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        parts = (edges, target, source, neighbors, weight, matrix)
        found = [
            summed_messages(*parts),
            summed_messages(*parts, deeper),
            summed_messages(*parts, deeper, table, kinds),
            updated_edges(edges, target, source, neighbors, matrix, outer),
        ]
    finally:
        torch.set_num_threads(used)
    e, both = edges.double(), target.double()[:, None] + source.double()[neighbors]
    plain = e @ matrix.double().T + both
    single = silu(plain)
    deep = silu(double(deeper, single))
    shown = silu(double(deeper, silu(plain + table.double()[kinds])))
    inner = silu(layer_norm(e, (d,)) @ matrix.double().T + both)
    expected = [*((weight.double()[..., None] * m).sum(1) for m in (single, deep, shown)), e + double(outer, inner)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.double(), other, atol=2e-5, rtol=2e-5)
    assert torch.equal(edges, before)


@needs_loops
def test_extreme_and_missing_numbers_stay_what_they_are() -> None:
    target = torch.tensor([-1e30, -200.0, -90.0, -1e-3, 0.0, 90.0, 1e30, torch.nan]).repeat(2)[None]
    parts = (torch.zeros(1, 1, 16), target, torch.zeros(1, 16), torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1))
    with torch.no_grad():
        torch.testing.assert_close(
            summed_messages(*parts, torch.zeros(16, 16)), silu(target), atol=1e-37, rtol=1e-6, equal_nan=True
        )


@needs_loops
def test_an_index_beyond_the_sources_is_an_error() -> None:
    neighbors, zeros = torch.ones(1, 1, dtype=torch.long), torch.zeros(1, 16)
    with pytest.raises(IndexError, match="row 1 of 1"):
        summed_messages(torch.zeros(1, 1, 16), zeros, zeros, neighbors, torch.ones(1, 1), torch.zeros(16, 16))


@needs_loops
def test_they_are_for_float32_without_gradients_alone() -> None:
    values = torch.zeros(2, 3, 32)
    assert not supported(values, 32)  # gradients
    with torch.no_grad():
        assert supported(values, 32, 16)
        assert loops_for(values, 32) is not None
        assert not supported(values, 24)
        assert not supported(values, 512)
        assert not supported(values.double(), 32)
        with torch.autocast("cpu", torch.bfloat16):
            assert not supported(values, 32)
        with compiled.torch_only():
            assert loops_for(values, 32) is None
