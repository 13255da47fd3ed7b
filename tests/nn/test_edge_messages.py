"""Messages and updates of edges in bfloat16, against their formulas in float64: values, gradients, threads, blocks."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu

from protein_enn.nn import compiled
from protein_enn.nn.edge_messages import gaussians, summed_messages, supported, updated_edges
from protein_enn.nn.radial import GaussianBasis

needs_amx = pytest.mark.skipif(
    not compiled.edges_supported(), reason="no compiled loops over edges here: they need GCC and a CPU with AMX"
)
SIZES = [(37, 32, 128, 128), (50, 20, 96, 128), (9, 13, 64, 96), (1, 1, 32, 32), (3, 48, 256, 32)]
"""Nodes, neighbors, widths of edges and messages: blocks that are filled, not filled, and of one node."""


@dataclass(frozen=True)
class Case:
    edges: Tensor
    target: Tensor
    source: Tensor
    table: Tensor
    matrix: Tensor
    neighbors: Tensor
    kinds: Tensor
    weight: Tensor
    inner: nn.Linear
    outer: nn.Linear


def case(n: int, k: int, d: int, h: int, seed: int = 0) -> Case:
    """Values that bfloat16 holds exactly, where the loops take bfloat16."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    def linear(inputs: int, outputs: int) -> nn.Linear:
        layer = nn.Linear(inputs, outputs)
        with torch.no_grad():
            layer.weight.copy_(half(drawn(outputs, inputs) / inputs**0.5))
            layer.bias.copy_(drawn(outputs))
        return layer

    def half(x: Tensor) -> Tensor:
        return x.bfloat16().float()

    return Case(
        half(drawn(n, k, d)).requires_grad_(),
        drawn(n, h).requires_grad_(),
        drawn(n, h).requires_grad_(),
        drawn(22, h).requires_grad_(),
        half(drawn(h, d) / d**0.5).requires_grad_(),
        torch.randint(n, (n, k), generator=generator),
        torch.randint(22, (n, k), generator=generator),
        torch.rand(n, k, generator=generator) / k,
        linear(h, h),
        linear(h, d),
    )


def gradients(result: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    direction = torch.randn(result.shape, generator=torch.Generator().manual_seed(9))
    return torch.autograd.grad((result.float() * direction).sum(), inputs)


def assert_near(result: Tensor, expected: Tensor, tolerance: float = 0.012) -> None:
    assert result.shape == expected.shape
    assert (result.float() - expected.float()).abs().max() <= tolerance * expected.abs().max()


@needs_amx
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("size", SIZES)
def test_messages_are_summed_by_their_formula(size: tuple[int, int, int, int], depth: int) -> None:
    c = case(*size)
    inputs = [c.edges, c.target, c.source, c.table, c.matrix]
    inputs += [c.inner.weight, c.inner.bias] if depth == 2 else []
    before = c.edges @ c.matrix.T + c.target[:, None] + c.source[c.neighbors] + c.table[c.kinds]
    messages = silu(c.inner(silu(before))) if depth == 2 else silu(before)
    expected = (c.weight[..., None] * messages).sum(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert supported(c.edges.device, c.edges.shape[2], c.target.shape[1])
        arguments = (c.edges, c.target, c.source, c.neighbors, c.weight, c.matrix)
        result = summed_messages(*arguments, c.inner if depth == 2 else None, c.table, c.kinds)
    assert_near(result, expected)
    for one, other in zip(gradients(result, inputs), gradients(expected, inputs), strict=True):
        assert_near(one, other)


@needs_amx
def test_messages_need_no_kinds() -> None:
    c = case(*SIZES[0])
    expected = (c.weight[..., None] * silu(c.edges @ c.matrix.T + c.target[:, None] + c.source[c.neighbors])).sum(1)
    with torch.autocast("cpu", torch.bfloat16):
        result = summed_messages(c.edges, c.target, c.source, c.neighbors, c.weight, c.matrix)
    assert_near(result, expected)


@needs_amx
@pytest.mark.parametrize("size", SIZES)
def test_edges_are_updated_by_their_formula(size: tuple[int, int, int, int]) -> None:
    c = case(*size)
    inputs = [c.edges, c.target, c.source, c.matrix, c.outer.weight, c.outer.bias]
    normed = layer_norm(c.edges, c.edges.shape[2:])
    expected = c.edges + c.outer(silu(normed @ c.matrix.T + c.target[:, None] + c.source[c.neighbors]))
    with torch.autocast("cpu", torch.bfloat16):
        result = updated_edges(c.edges, c.target, c.source, c.neighbors, c.matrix, c.outer)
    assert_near(result, expected)
    for one, other in zip(gradients(result, inputs), gradients(expected, inputs), strict=True):
        assert_near(one, other)


@needs_amx
def test_threads_divide_the_nodes() -> None:
    c = case(*SIZES[0])
    inputs = [c.edges, c.target, c.source, c.table, c.matrix, c.inner.weight, c.inner.bias]
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            with torch.autocast("cpu", torch.bfloat16):
                arguments = (c.edges, c.target, c.source, c.neighbors, c.weight, c.matrix)
                result = summed_messages(*arguments, c.inner, c.table, c.kinds)
            results.append((result, *gradients(result, inputs)))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@needs_amx
def test_an_index_beyond_the_nodes_is_an_error() -> None:
    c = case(*SIZES[0])
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(IndexError, match="row 37 of 37"):
        summed_messages(c.edges, c.target, c.source, c.neighbors + 1, c.weight, c.matrix)


def test_only_autocast_to_bfloat16_of_widths_that_fit_is_supported() -> None:
    cpu = torch.device("cpu")
    assert not supported(cpu, 128)
    with torch.autocast("cpu", torch.bfloat16):
        assert supported(cpu, 128) == compiled.edges_supported()
        assert not supported(cpu, 128, 100)
        assert not supported(cpu, 512)
        with compiled.torch_only():
            assert not supported(cpu, 128)


@needs_amx
@pytest.mark.parametrize("size", [1, 12, 16])
def test_gaussians_are_those_of_the_basis(size: int) -> None:
    basis = GaussianBasis(size, 1.5, 20.0) if size > 1 else GaussianBasis(2, 1.5, 20.0)
    centers = basis.centers[:size]
    r = torch.linspace(0.0, 60.0, 600).view(3, -1)
    result = gaussians(r, centers, basis.inverse_width)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), basis(r)[..., :size], rtol=5e-3, atol=1e-6)


@needs_amx
def test_seventeen_gaussians_are_refused() -> None:
    with pytest.raises(ValueError, match="not 17"):
        gaussians(torch.ones(3), torch.ones(17), 1.0)
