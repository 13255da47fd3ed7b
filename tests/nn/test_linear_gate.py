"""The degreewise linear map and the gate: equivariant, and e3nn's with its weights mapped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from e3nn import nn as e3nn_nn
from e3nn import o3

from protein_enn.nn.features import Features, Layout
from protein_enn.nn.gate import gate_tensors
from protein_enn.nn.linear import DegreewiseLinear

LMAX = [0, 1, 2, 3]


@pytest.mark.parametrize("lmax", LMAX)
@pytest.mark.parametrize(("inputs", "outputs"), [(5, 4), (1, 1), (0, 4), (5, 0), (0, 0)])
def test_linear_is_equivariant(lmax, inputs, outputs, assert_layer_equivariant):
    """Tensors of either parity, also without channels."""
    torch.manual_seed(0)
    linear = DegreewiseLinear(inputs, outputs, lmax).double()
    other = DegreewiseLinear(inputs, outputs, lmax).double()
    assert_layer_equivariant(
        lambda x: replace(x, tensors=linear(x.tensors), pseudotensors=other(x.pseudotensors)),
        Layout(2, 1, inputs, inputs, lmax),
        Layout(2, 1, outputs, outputs, lmax),
    )


@pytest.mark.parametrize("parities", ["eo", "oe"])
@pytest.mark.parametrize("lmax", [1, 2, 3])
def test_linear_equals_e3nn(lmax, parities, features_of):
    """e3nn divides by sqrt(inputs) and stores W as (inputs, outputs), degree by degree."""
    inputs, outputs = 5, 4
    torch.manual_seed(0)
    linear = DegreewiseLinear(inputs, outputs, lmax).double()
    degrees = [f"{degree}{parities[degree % 2]}" for degree in range(1, lmax + 1)]
    theirs = o3.Linear(" + ".join(f"{inputs}x{d}" for d in degrees), " + ".join(f"{outputs}x{d}" for d in degrees))
    weights = [part.weight.T.reshape(-1) * inputs**0.5 for part in linear.degrees]
    tensors = features_of(Layout(0, 0, inputs, lmax=lmax)).tensors
    expected = theirs.double()(flat(tensors, lmax), torch.cat(weights))
    torch.testing.assert_close(flat(linear(tensors), lmax), expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("channels", [0, 1, 4])
@pytest.mark.parametrize("lmax", LMAX)
def test_gate_is_equivariant(lmax, channels, assert_layer_equivariant):
    """Gates from even scalars; both parities."""
    layout = Layout(lmax * channels, 0, channels, channels, lmax)

    def layer(x: Features) -> Features:
        tensors, others = (gate_tensors(t, x.scalars) for t in (x.tensors, x.pseudotensors))
        return replace(x, tensors=tensors, pseudotensors=others)

    assert_layer_equivariant(layer, layout)


@pytest.mark.parametrize("lmax", [1, 2, 3])
def test_gate_equals_e3nn(lmax, features_of):
    """e3nn makes its sigmoid's second moment one over normal inputs, a factor that is divided out."""
    channels = 4
    tensors = features_of(Layout(0, 0, channels, lmax=lmax)).tensors
    gates = torch.randn(len(tensors), lmax * channels, dtype=torch.float64)
    gated = " + ".join(f"{channels}x{degree}{'eo'[degree % 2]}" for degree in range(1, lmax + 1))
    theirs = e3nn_nn.Gate("", [], f"{lmax * channels}x0e", [torch.sigmoid], gated).double()
    factor = theirs(torch.cat([gates, flat(tensors, lmax)], 1)) / flat(gate_tensors(tensors, gates), lmax)
    torch.testing.assert_close(factor, torch.full_like(factor, factor[0, 0].item()), atol=1e-10, rtol=1e-10)
    constant = e3nn_nn.Activation("1x0e", [torch.sigmoid])(torch.zeros(1, 1)).double() / 0.5
    assert factor[0, 0].item() == pytest.approx(constant.item(), rel=1e-6)


def test_gate_refuses_another_number_of_gates():
    with pytest.raises(RuntimeError):
        gate_tensors(torch.zeros(3, 8, 4), torch.zeros(3, 4))
    with pytest.raises(RuntimeError):
        gate_tensors(torch.zeros(3, 8, 4), torch.zeros(3, 0))


def flat(tensors: torch.Tensor, lmax: int) -> torch.Tensor:
    """(n, m, c) in e3nn's order, channels outside."""
    parts = [tensors[:, degree**2 - 1 : (degree + 1) ** 2 - 1] for degree in range(1, lmax + 1)]
    return torch.cat([part.transpose(1, 2).reshape(len(tensors), -1) for part in parts], 1)
