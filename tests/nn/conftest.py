"""Equivariance of layers: one line tests rotation, reflection and the layout of the result."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from protein_enn.nn.features import Features, Layout
from protein_enn.testing import random_rotation, representation

Layer = Callable[[Features], Features]


def random_features(layout: Layout, n: int = 6, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    m = (layout.lmax + 1) ** 2 - 1
    shapes = [(n, layout.scalars), (n, layout.pseudoscalars), (n, m, layout.channels), (n, m, layout.pseudochannels)]
    return Features(*(torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes))


def rotated(x: Features, rotation: torch.Tensor) -> Features:
    """Features of the rotated molecule. It does not use `Features.flat`, which it tests."""
    matrices = []
    for parities in ("eo", "oe"):
        lmax = math.isqrt(x.tensors.shape[1] + 1) - 1
        blocks = [representation(f"1x{degree}{parities[degree % 2]}", rotation) for degree in range(1, lmax + 1)]
        matrices.append(torch.block_diag(*blocks) if blocks else torch.zeros(0, 0, dtype=torch.float64))
    natural, other = matrices
    return Features(x.scalars, x.pseudoscalars * rotation.det().sign(), natural @ x.tensors, other @ x.pseudotensors)


def flat(x: Features) -> torch.Tensor:
    return torch.cat([part.flatten(1) for part in (x.scalars, x.pseudoscalars, x.tensors, x.pseudotensors)], 1)


def check_layer(layer: Layer, layout_in: Layout, layout_out: Layout | None = None, tolerance: float = 1e-10) -> None:
    """AssertionError unless the output rotates with the input, under rotations and reflections, has the layout
    `layout_out` (default: `layout_in`), and does not depend on the order of the nodes."""
    x = random_features(layout_in)
    result = layer(x)
    shapes = random_features(layout_out or layout_in)
    for kind in ("scalars", "pseudoscalars", "tensors", "pseudotensors"):
        assert getattr(result, kind).shape == getattr(shapes, kind).shape, kind
    for rotation in (random_rotation(1), -random_rotation(1), -torch.eye(3, dtype=torch.float64)):
        torch.testing.assert_close(
            flat(layer(rotated(x, rotation))), flat(rotated(result, rotation)), atol=tolerance, rtol=0
        )
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    parts = (x.scalars, x.pseudoscalars, x.tensors, x.pseudotensors)
    torch.testing.assert_close(
        flat(layer(Features(*(p[order] for p in parts)))), flat(result)[order], atol=tolerance, rtol=0
    )


@pytest.fixture
def assert_layer_equivariant() -> Callable[..., None]:
    """`assert_layer_equivariant(layer, layout_in, layout_out)` for a layer from `Features` to `Features`."""
    return check_layer


@pytest.fixture
def features_of() -> Callable[..., Features]:
    """`features_of(layout)`: random features, float64."""
    return random_features
