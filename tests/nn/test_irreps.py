"""The contract of all layers: features transform by `irreps_in` and `irreps_out`, under rotations and reflections."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn.nn.attention import NeighborAttention
from protein_enn.nn.edge_rotations import EdgeAlignment
from protein_enn.nn.features import Features, Layout, irreps_of
from protein_enn.nn.gvp import GVP, ChiralProducts, GVPConvolution
from protein_enn.nn.linear import DegreewiseLinear
from protein_enn.nn.norm import EquivariantLayerNorm, TensorLayerNorm, TensorNorm
from protein_enn.nn.radial import BesselBasis, GaussianBasis
from protein_enn.nn.rotation import parse_irreps, representation
from protein_enn.nn.so2_convolution import SO2Convolution
from protein_enn.nn.spherical import spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution
from protein_enn.testing import random_rotation
from tests.nn.test_docstrings import LAYERS

NOT_FROM_FEATURES = {"EdgeAlignment", "WignerMatrices"}
"""Layers that give matrices of rotations instead of features."""
N, K, HIDDEN = 6, 4, 5
LAYOUT = Layout(3, 2, 4, 3, 2)
_draw = torch.Generator().manual_seed(0)
DIRECTIONS = torch.nn.functional.normalize(torch.randn(N, K, 3, generator=_draw, dtype=torch.float64), dim=-1)
MESSAGES = torch.randn(N, K, HIDDEN, generator=_draw, dtype=torch.float64)
WEIGHT = torch.rand(N, K, generator=_draw, dtype=torch.float64)
NEIGHBORS = torch.randint(N, (N, K), generator=_draw)

Call = Callable[[Any, Tensor, Tensor], Tensor]
"""(layer, rows of features, rotation of the directions) -> rows of features."""


def tensors_of(rows: Tensor, channels: int, first: int, lmax: int) -> Tensor:
    """(n, m, channels) from rows in the order of irreps."""
    blocks = rows.split([channels * (2 * degree + 1) for degree in range(first, lmax + 1)], 1)
    return torch.cat([block.unflatten(1, (channels, -1)).transpose(1, 2) for block in blocks], 1)


def rows_of(tensors: Tensor, first: int, lmax: int) -> Tensor:
    """The inverse of `tensors_of`."""
    blocks = tensors.split([2 * degree + 1 for degree in range(first, lmax + 1)], 1)
    return torch.cat([block.transpose(1, 2).flatten(1) for block in blocks], 1)


def features_of(rows: Tensor, layout: Layout) -> Features:
    components = (layout.lmax + 1) ** 2 - 1
    sizes = [layout.scalars, layout.pseudoscalars, components * layout.channels, components * layout.pseudochannels]
    scalars, pseudoscalars, tensors, pseudotensors = rows.split(sizes, 1)
    return Features(
        scalars,
        pseudoscalars,
        tensors_of(tensors, layout.channels, 1, layout.lmax),
        tensors_of(pseudotensors, layout.pseudochannels, 1, layout.lmax),
    )


def on_tensors(channels: int, lmax: int) -> Call:
    return lambda layer, x, rotation: rows_of(layer(tensors_of(x, channels, 1, lmax)), 1, lmax)


def basis(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    result: Tensor = layer(x[:, 0].abs())
    return result


def attention(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    values, weight = layer(x[NEIGHBORS], WEIGHT)
    result: Tensor = (weight[..., None] * values).sum(1)
    return result


def perceptron(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    scalars, vectors = layer(x[:, :3], tensors_of(x[:, 3:], 4, 1, 1))
    return torch.cat([scalars, rows_of(vectors, 1, 1)], 1)


def perceptron_convolution(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    geometry = (MESSAGES, DIRECTIONS @ rotation.T, NEIGHBORS, WEIGHT)
    messages, vectors = layer(x[:, :3], tensors_of(x[:, 3:], 4, 1, 1), *geometry)
    return torch.cat([messages.sum(1), rows_of(vectors, 1, 1)], 1)


def chiral(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    odd, vectors = layer(tensors_of(x[:, :12], 4, 1, 1), x[:, 12:])
    return torch.cat([odd, rows_of(vectors, 1, 1)], 1)


def layer_norm(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    result: Tensor = layer(features_of(x, LAYOUT)).flat()
    return result


def tensor_convolution(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    natural, other = x.split([3 * 9, 2 * 9], 1)
    both = torch.cat([tensors_of(natural, 3, 0, 2), tensors_of(other, 2, 0, 2)], 2)
    harmonics = spherical_harmonics(2, DIRECTIONS @ rotation.T)
    result: Tensor = layer(both, MESSAGES, harmonics, NEIGHBORS, WEIGHT).flat()
    return result


def so2_convolution(layer: Any, x: Tensor, rotation: Tensor) -> Tensor:
    rotations = EdgeAlignment(2)(DIRECTIONS @ rotation.T, NEIGHBORS)
    invariants, tensors = layer(tensors_of(x, 3, 0, 2), MESSAGES, rotations, NEIGHBORS, WEIGHT)
    return torch.cat([invariants, rows_of(tensors, 1, 2)], 1)


CASES: dict[str, tuple[Callable[[], Any], Call]] = {
    "BesselBasis": (lambda: BesselBasis(6, 5.0), basis),
    "ChiralProducts": (lambda: ChiralProducts(4, 3), chiral),
    "DegreewiseLinear": (lambda: DegreewiseLinear(4, 3, 3), on_tensors(4, 3)),
    "EquivariantLayerNorm": (lambda: EquivariantLayerNorm(LAYOUT), layer_norm),
    "GVP": (lambda: GVP((3, 5), (4, 2)), perceptron),
    "GVPConvolution": (lambda: GVPConvolution(3, 4, HIDDEN, 7), perceptron_convolution),
    "GaussianBasis": (lambda: GaussianBasis(6, 0.0, 5.0), basis),
    "NeighborAttention": (lambda: NeighborAttention(6, 2), attention),
    "SO2Convolution": (lambda: SO2Convolution(3, 2, HIDDEN), so2_convolution),
    "TensorConvolution": (lambda: TensorConvolution(3, 2, HIDDEN, odd=2), tensor_convolution),
    "TensorLayerNorm": (lambda: TensorLayerNorm(4, 2), on_tensors(4, 2)),
    "TensorNorm": (lambda: TensorNorm(3), on_tensors(1, 3)),
}


def dimension(irreps: str) -> int:
    return sum(count * (2 * degree + 1) for count, degree, _ in parse_irreps(irreps))


def test_every_layer_from_features_to_features_is_tested() -> None:
    assert {name.split(".")[-1] for name in LAYERS} == {*CASES} | NOT_FROM_FEATURES


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["rotation", "reflection"])
@pytest.mark.parametrize("name", CASES)
def test_features_transform_by_the_irreps_of_the_layer(name: str, sign: float) -> None:
    make, call = CASES[name]
    torch.manual_seed(1)
    layer, rotation, identity = make().double(), sign * random_rotation(4), torch.eye(3, dtype=torch.float64)
    x = torch.randn(N, dimension(layer.irreps_in), dtype=torch.float64)
    with torch.no_grad():
        before = call(layer, x, identity)
        after = call(layer, x @ representation(layer.irreps_in, rotation).T, rotation)
    assert before.shape == (N, dimension(layer.irreps_out))
    assert before.abs().max() > 1e-3
    torch.testing.assert_close(after, before @ representation(layer.irreps_out, rotation).T, atol=1e-10, rtol=0)


def test_features_that_a_layer_has_none_of_are_left_out() -> None:
    assert irreps_of((5, 0, "e"), (0, 1, "o")) == "5x0e"
    assert TensorConvolution(3, 1, HIDDEN).irreps_in == irreps_of((3, 0, "e"), (3, 1, "o")) == "3x0e + 3x1o"
    assert DegreewiseLinear(0, 4, 2).irreps_in == "" and TensorNorm(0).irreps_out == ""
