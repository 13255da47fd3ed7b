"""Norms commute with rotations and reflections, and give the size that they state."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn.nn.features import Layout
from protein_enn.nn.norm import EquivariantLayerNorm, TensorLayerNorm, TensorNorm
from protein_enn.nn.spherical import degree_slice


def layout_of(lmax: int) -> Layout:
    return Layout(scalars=7, pseudoscalars=4, channels=5 if lmax else 0, pseudochannels=3 if lmax else 0, lmax=lmax)


def randomized(layer: torch.nn.Module) -> torch.nn.Module:
    """Weights that differ from one another, so that a scale at a wrong index shows."""
    torch.manual_seed(1)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    return layer.double()


@pytest.mark.parametrize("lmax", range(4))
def test_layer_norm_is_equivariant(lmax, assert_layer_equivariant):
    assert_layer_equivariant(randomized(EquivariantLayerNorm(layout_of(lmax))), layout_of(lmax))


@pytest.mark.parametrize("lmax", range(4))
def test_tensor_norm_is_equivariant(lmax, assert_layer_equivariant):
    norm = TensorNorm(lmax)
    assert_layer_equivariant(
        lambda x: replace(x, tensors=norm(x.tensors), pseudotensors=norm(x.pseudotensors)), layout_of(lmax)
    )


def test_layer_norm_is_its_formula(features_of):
    layout = layout_of(3)
    x, layer = features_of(layout), randomized(EquivariantLayerNorm(layout))
    result = layer(x)
    shifted = x.scalars - x.scalars.mean(1, keepdim=True)
    scalars = layer.scalars.weight * shifted / (shifted.square().mean(1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(result.scalars, scalars + layer.scalars.bias)
    odd = layer.odd * x.pseudoscalars / (x.pseudoscalars.square().mean(1, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(result.pseudoscalars, odd)
    for before, after, scale in (
        (x.tensors, result.tensors, layer.tensors.scale),
        (x.pseudotensors, result.pseudotensors, layer.pseudotensors.scale),
    ):
        for degree in (1, 2, 3):
            inside = slice(degree_slice(degree).start - 1, degree_slice(degree).stop - 1)
            lengths = before[:, inside].square().sum(1).mean(1) / (2 * degree + 1)
            expected = scale[degree - 1] * before[:, inside] / (lengths + 1e-5).sqrt()[:, None, None]
            torch.testing.assert_close(after[:, inside], expected)


def test_layer_norm_forgets_the_size_and_tensor_norm_keeps_what_is_small(features_of):
    """The difference between the two, which decides when to use which."""
    tensors = features_of(layout_of(2)).tensors
    layer_norm, bounded = TensorLayerNorm(5, 2).double(), TensorNorm(2)
    torch.testing.assert_close(layer_norm(100 * tensors), layer_norm(tensors), atol=1e-4, rtol=0)
    small = 1e-3 * tensors
    torch.testing.assert_close(bounded(small), 2 * small, atol=1e-7, rtol=0)
    assert bounded(100 * tensors)[:, :3].square().sum(1).mean(-1).max() < 1
    assert layer_norm(small).square().mean().sqrt() > 0.3


def test_only_the_mean_of_scalars_is_subtracted(features_of):
    """Without the mean over channels of pseudoscalars the norm would be equivariant too; the formula keeps it."""
    layout = layout_of(1)
    x, layer = features_of(layout), EquivariantLayerNorm(layout).double()
    shifted_by_three = replace(x, scalars=x.scalars + 3, pseudoscalars=x.pseudoscalars + 3)
    torch.testing.assert_close(layer(shifted_by_three).scalars, layer(x).scalars)
    assert (layer(shifted_by_three).pseudoscalars - layer(x).pseudoscalars).abs().max() > 0.1


@pytest.mark.parametrize("make", [lambda: TensorNorm(2), lambda: TensorLayerNorm(5, 2)])
def test_gradients_are_finite_at_zero(make):
    tensors = torch.zeros(3, 8, 5, requires_grad=True)
    make()(tensors).sum().backward()
    assert tensors.grad is not None and tensors.grad.isfinite().all() and (tensors.grad > 0).all()


def test_no_channels_and_no_degrees(features_of):
    for layout in (Layout(4), Layout(4, 0, 0, 0, 2), Layout(4, 2, 3, 0, 1), Layout(0, 2)):
        x = features_of(layout)
        result = EquivariantLayerNorm(layout).double()(x)
        assert result.flat().shape == x.flat().shape
        assert result.flat().isfinite().all()
    assert TensorNorm(0)(torch.zeros(3, 0, 5)).shape == (3, 0, 5)
    assert TensorNorm(2)(torch.zeros(3, 8, 0)).shape == (3, 8, 0)
