"""Pairs of near points: the compiled search against all distances and the trees."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from protein_enn.bonds import near
from protein_enn.geometry.neighbors import compiled

GENERATOR = np.random.default_rng(0)


def brute_force(ones: np.ndarray, twos: np.ndarray, distance: float) -> tuple[list[int], list[int]]:
    first, second = np.nonzero(np.linalg.norm(ones[:, None] - twos, axis=-1) <= distance)
    return first.tolist(), second.tolist()


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize(
    ("a", "b", "size"), [(1, 1, 1.0), (40, 60, 12.0), (300, 400, 30.0), (50, 30, 1000.0), (5, 0, 1.0)]
)
def test_pairs_are_those_of_all_distances(
    a: int, b: int, size: float, loops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not loops:
        monkeypatch.setattr(compiled, "library", lambda: None)
    ones, twos = GENERATOR.uniform(-size, size, (a, 3)), GENERATOR.uniform(-size, size, (b, 3))
    first, second, lengths = near.near_pairs(ones, twos, 3.2)
    order = np.lexsort((second, first))
    assert (first[order].tolist(), second[order].tolist()) == brute_force(ones, twos, 3.2)
    np.testing.assert_allclose(lengths, np.linalg.norm(ones[first] - twos[second], axis=1), rtol=1e-12)


def test_a_point_at_exactly_the_distance_and_at_the_edge_of_a_cell_counts() -> None:
    grid = np.stack(np.meshgrid(*[np.arange(-2.0, 3.0)] * 3), -1).reshape(-1, 3)
    first, second, _ = near.near_pairs(grid, grid, 1.0)
    assert (first.tolist(), second.tolist()) == brute_force(grid, grid, 1.0)


def test_points_at_one_place_are_not_all_compared() -> None:
    points = torch.zeros(3000, 3, dtype=torch.float64)
    assert compiled.near_pairs(points, points, 1.0, 100 * 6000, 10_000_000) is None
    assert not len(near.near_pairs(points.numpy(), points.numpy(), 1.0)[0])
