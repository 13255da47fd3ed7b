"""What a loss on forces needs: the convolution differentiated twice, by torch operations and by the compiled loops."""

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from protein_enn.nn import compiled
from protein_enn.nn.chunks import Source
from protein_enn.nn.neighbor_products import neighbor_products
from protein_enn.nn.tensor_convolution import TensorConvolution


def inputs(lmax: int, channels: int, dtype: torch.dtype = torch.float64) -> tuple:
    """x, messages, harmonics with gradients; neighbors; the layer, a small one."""
    torch.manual_seed(0)
    n, k, hidden = 4, 3, 2
    layer = TensorConvolution(channels, lmax, hidden).to(dtype)
    shapes = ((n, (lmax + 1) ** 2, channels), (n, k, hidden), (n, k, (lmax + 1) ** 2))
    x, messages, harmonics = (torch.randn(s, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes)
    return x, messages, harmonics, torch.randint(n, (n, k)), layer


@pytest.mark.parametrize("lmax", [0, 1, 2])
def test_torch_operations_have_first_and_second_derivatives(lmax: int) -> None:
    x, messages, harmonics, neighbors, layer = inputs(lmax, channels=1)

    def function(x, messages, harmonics, weight, bias):
        radial = torch.nn.Linear(1, 1)
        del radial.weight, radial.bias
        radial.weight, radial.bias = weight, bias
        radial.forward = lambda m: torch.nn.functional.linear(m, weight, bias)
        return neighbor_products(Source(x, neighbors), messages, harmonics, radial, layer.coupling)

    arguments = (x, messages, harmonics, layer.radial.weight, layer.radial.bias)
    assert gradcheck(function, arguments)
    assert gradgradcheck(function, arguments)


@pytest.mark.skipif(not compiled.available(), reason="the compiled loops were not built")
@pytest.mark.parametrize("channels", [16, 5])
@pytest.mark.parametrize("lmax", [0, 1, 2, 3])
@pytest.mark.parametrize("threads", [1, 2])
def test_second_derivatives_of_the_loops_are_those_of_torch(lmax: int, channels: int, threads: int) -> None:
    """A loss on values and gradients together; float64 is always computed by torch operations."""

    def gradients(dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
        x, messages, harmonics, neighbors, layer = inputs(lmax, channels, torch.float32)
        x, messages, harmonics = (t.detach().to(dtype).requires_grad_() for t in (x, messages, harmonics))
        layer = layer.to(dtype)
        z = neighbor_products(Source(x, neighbors), messages, harmonics, layer.radial, layer.coupling)
        first = torch.autograd.grad(z.sin().sum(), (x, messages, harmonics), create_graph=True)
        loss = z.square().sum() + sum(g.square().sum() for g in first)
        return torch.autograd.grad(loss, (x, messages, harmonics, layer.radial.weight, layer.radial.bias))

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, theirs = gradients(torch.float32), gradients(torch.float64)
    finally:
        torch.set_num_threads(before)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.double(), other, atol=2e-5 * float(other.abs().max()), rtol=0)
