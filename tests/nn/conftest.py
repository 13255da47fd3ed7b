"""How features turn, for tests of layers: one line tests rotation, reflection and the layout given."""

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


def turned(x: Features, turn: torch.Tensor) -> Features:
    """Features of the turned molecule; written apart from `Features.flat`, which it tests."""
    matrices = []
    for parities in ("eo", "oe"):
        lmax = math.isqrt(x.tensors.shape[1] + 1) - 1
        blocks = [representation(f"1x{degree}{parities[degree % 2]}", turn) for degree in range(1, lmax + 1)]
        matrices.append(torch.block_diag(*blocks) if blocks else torch.zeros(0, 0, dtype=torch.float64))
    natural, other = matrices
    return Features(x.scalars, x.pseudoscalars * turn.det().sign(), natural @ x.tensors, other @ x.pseudotensors)


def flat(x: Features) -> torch.Tensor:
    return torch.cat([part.flatten(1) for part in (x.scalars, x.pseudoscalars, x.tensors, x.pseudotensors)], 1)


def check_layer(layer: Layer, layout_in: Layout, layout_out: Layout | None = None, tolerance: float = 1e-10) -> None:
    """AssertionError unless the layer turns its output with its input, at rotations and reflections, and gives
    `layout_out` (default: `layout_in`), node by node: the nodes in another order give the same."""
    x = random_features(layout_in)
    given = layer(x)
    shapes = random_features(layout_out or layout_in)
    for kind in ("scalars", "pseudoscalars", "tensors", "pseudotensors"):
        assert getattr(given, kind).shape == getattr(shapes, kind).shape, kind
    for turn in (random_rotation(1), -random_rotation(1), -torch.eye(3, dtype=torch.float64)):
        torch.testing.assert_close(flat(layer(turned(x, turn))), flat(turned(given, turn)), atol=tolerance, rtol=0)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    parts = (x.scalars, x.pseudoscalars, x.tensors, x.pseudotensors)
    torch.testing.assert_close(
        flat(layer(Features(*(p[order] for p in parts)))), flat(given)[order], atol=tolerance, rtol=0
    )


@pytest.fixture
def assert_layer_equivariant() -> Callable[..., None]:
    """`assert_layer_equivariant(layer, layout_in, layout_out)` for a layer from `Features` to `Features`."""
    return check_layer


@pytest.fixture
def features_of() -> Callable[..., Features]:
    """`features_of(layout)`: random features, float64."""
    return random_features
