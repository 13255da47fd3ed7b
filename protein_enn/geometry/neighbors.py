"""Exact neighbour search: dense distances for small sets, a k-d tree for large ones.

`torch.cdist` with its default mode is never used here: its matrix-product form errs by hundredths of an Å.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

DENSE_LIMIT = 1500
"""Points above which the k-d tree is faster than the dense search (two cores)."""


def nearest_neighbors(points: Float[Tensor, "n 3"], k: int) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """The k nearest other points of each point, nearest first, and which of these exist.

    With fewer than k other points the rest of a row is the point itself, masked out. Ties are broken by index.
    """
    n = len(points)
    real = min(k, n - 1)
    if real <= 0:
        itself = torch.arange(n, device=points.device)[:, None].expand(n, k).contiguous()
        return itself, torch.zeros(n, k, dtype=torch.bool, device=points.device)
    index = _dense(points, real) if n <= DENSE_LIMIT else _tree(points, real)
    mask = torch.ones(n, real, dtype=torch.bool, device=points.device)
    if real < k:
        itself = torch.arange(n, device=points.device)[:, None].expand(n, k - real)
        index = torch.cat([index, itself], 1)
        mask = torch.cat([mask, torch.zeros(n, k - real, dtype=torch.bool, device=points.device)], 1)
    return index, mask


def _dense(points: Tensor, k: int) -> Tensor:
    points = points - points.mean(0)  # far from the origin float32 would lose the digits that distances need
    square = (points[:, None] - points[None]).pow(2).sum(-1)
    square.fill_diagonal_(torch.inf)
    return square.topk(k, dim=1, largest=False).indices


def _tree(points: Tensor, k: int) -> Tensor:
    data = points.detach().cpu().double().numpy()
    _, found = cKDTree(data).query(data, k=k + 1)
    index = torch.from_numpy(found).to(points.device)
    itself = torch.arange(len(points), device=points.device)[:, None]
    # Coincident points may push a point out of its own first place: drop it wherever it stands.
    is_self = index == itself
    is_self[:, -1] |= ~is_self.any(1)
    return index[~is_self].view(len(points), k)
