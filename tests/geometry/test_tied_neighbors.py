"""Neighbors as far as the k-th: equivalent points of a symmetric structure have equivalent neighbors."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from protein_enn.geometry.neighbors.search import MOST_TIED, nearest_and_tied, nearest_neighbors


def ring(n: int, seed: int) -> Tensor:
    """60 points in each of n copies around an axis, rounded to float32 after the rotation."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(60, 3, generator=generator).double() * 6 + torch.tensor([8.0, 0.0, 20.0])
    angles = torch.arange(n).double() * 2 * torch.pi / n
    x, y = points[:, 0], points[:, 1]
    return torch.cat(
        [torch.stack([x * a.cos() - y * a.sin(), x * a.sin() + y * a.cos(), points[:, 2]], 1) for a in angles]
    ).float()


def neighbor_sets(points: Tensor, search: Callable[[Tensor, int], tuple[Tensor, Tensor]], k: int) -> list[set[int]]:
    index, mask = search(points, k)
    return [set(row[exists].tolist()) for row, exists in zip(index, mask, strict=True)]


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_equivalent_points_have_equivalent_neighbors(n: int) -> None:
    for seed in range(10):
        points = ring(n, seed)
        found = neighbor_sets(points, nearest_and_tied, 12)
        for i, mine in enumerate(found):
            assert {(j + 60) % len(points) for j in mine} == found[(i + 60) % len(points)]


def test_without_ties_they_would_not() -> None:
    rings = [neighbor_sets(ring(3, seed), nearest_neighbors, 12) for seed in range(10)]
    moved = [[{(j + 60) % 180 for j in mine} for mine in found] for found in rings]
    assert any(one != found[60:] + found[:60] for one, found in zip(moved, rings, strict=True))


def test_no_tie_adds_nothing_and_the_nearest_come_first() -> None:
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(3)) * 5
    for mine, plain in zip(nearest_and_tied(points, 7), nearest_neighbors(points, 7), strict=True):
        assert torch.equal(mine, plain)
    square = torch.tensor([[1.0, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [9, 9, 9], [0, 0, 0]])
    index, mask = nearest_and_tied(square, 1)
    assert index[5].tolist() == [0, 1, 2, 3]
    assert index[4].tolist() == [0, 1, 4, 4]
    assert mask.sum(1).tolist() == [1, 1, 1, 1, 2, 4]


def test_few_points_and_many_that_coincide() -> None:
    for n in (1, 3):
        index, mask = nearest_and_tied(torch.eye(3)[:n], 4)
        assert mask.sum(1).tolist() == [n - 1] * n
        assert index.shape == (n, 4)
    index, mask = nearest_and_tied(torch.zeros(200, 3), 8)
    assert mask.sum(1).tolist() == [8 + MOST_TIED] * 200
