"""Exact neighbour search in float64: all distances for small sets and on a GPU, a k-d tree for large ones.

`torch.cdist` with its default mode is never used here: its matrix-product form errs by hundredths of an Å.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist, squareform
from torch import Tensor

DENSE_LIMIT = 1000
"""Points above which the k-d tree is faster than all distances (one core)."""
BLOCK = 1024
"""Rows of distances that a GPU holds at once."""
LAST = 2**63 - 1
"""The sorting key of what is no neighbour."""


def nearest_neighbors(points: Float[Tensor, "n 3"], k: int) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """The k nearest other points of each point, nearest first, and which of these exist.

    With fewer than k other points the rest of a row is the point itself, masked out. Ties are broken by index.
    """
    n = len(points)
    real = min(k, n - 1)
    if real <= 0:
        itself = torch.arange(n, device=points.device)[:, None].expand(n, k).contiguous()
        return itself, torch.zeros(n, k, dtype=torch.bool, device=points.device)
    if points.is_cuda:
        index = _on_device(points, real)
    else:
        index = _dense(points, real) if n <= DENSE_LIMIT else _tree(points, real)
    mask = torch.ones(n, real, dtype=torch.bool, device=points.device)
    if real < k:
        itself = torch.arange(n, device=points.device)[:, None].expand(n, k - real)
        index = torch.cat([index, itself], 1)
        mask = torch.cat([mask, torch.zeros(n, k - real, dtype=torch.bool, device=points.device)], 1)
    return index, mask


def _on_device(points: Tensor, k: int) -> Tensor:
    """All distances, a block of rows at a time; for a GPU, whose points are not worth a journey to the CPU."""
    exact = points.detach().double()
    found = []
    for rows in torch.arange(len(points), device=points.device).split(BLOCK):
        square = (exact[rows, None] - exact[None]).square().sum(-1)
        square[torch.arange(len(rows), device=rows.device), rows] = torch.inf
        found.append(square.topk(k, dim=1, largest=False).indices)
    return torch.cat(found)


def _dense(points: Tensor, k: int) -> Tensor:
    data = points.detach().cpu().double().numpy()
    square = squareform(pdist(data, "sqeuclidean"), checks=False)
    keys, low = _keys(torch.from_numpy(square), torch.arange(len(data)))
    rows = keys.fill_diagonal_(LAST).numpy()
    rows.partition(k - 1, axis=1)
    nearest = rows[:, :k].copy()
    nearest.sort(axis=1)
    return torch.from_numpy(nearest) & low


def _tree(points: Tensor, k: int) -> Tensor:
    data = points.detach().cpu().double().numpy()
    distance, found = map(torch.from_numpy, cKDTree(data, leafsize=32).query(data, k=k + 1))
    keys, low = _keys(distance, found)
    keys[found == torch.arange(len(data))[:, None]] = LAST  # where points coincide it need not be the first
    rows = keys.numpy()
    rows.sort(axis=1)
    return torch.from_numpy(rows[:, :k]) & low


def _keys(distance: Tensor, index: Tensor) -> tuple[Tensor, int]:
    """Distances (positive float64, overwritten) as integers in the same order, with the index in their lowest bits, so
    that one sort orders both; and these bits. Distances equal to 11 digits or more count as ties."""
    low = (1 << int(distance.shape[0]).bit_length()) - 1
    return distance.view(torch.int64).bitwise_and_(~low).bitwise_or_(index), low
