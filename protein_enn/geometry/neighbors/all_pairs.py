"""Nearest neighbors from all distances: the fastest way for few points, and what the other searches are tested by."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from scipy.spatial.distance import pdist, squareform
from torch import Tensor

from protein_enn.geometry.neighbors.distance_keys import LAST, distance_keys, index_bits

BLOCK = {"cpu": 2**17, "cuda": 2**23}
"""Distances held at once: what stays in a core's cache, and what fills a GPU (64 MB an array)."""


def block_of(device: torch.device) -> int:
    return BLOCK.get(device.type, BLOCK["cpu"])


def all_pairs(points: Float[Tensor, "n 3"], rows: Int[Tensor, "m"], k: int) -> Int[Tensor, "m k"]:
    """The k nearest others of some points (float64, k < n), a block of rows at a time, on any device."""
    low, everyone = index_bits(len(points)), torch.arange(len(points), device=points.device)
    result = rows.new_empty(
        len(rows), k
    )  # whole: many small results between large temporaries keep those from the heap
    done = 0
    for chosen in rows.split(max(1, block_of(points.device) // len(points))):
        square = sum((axis[chosen, None] - axis).square_() for axis in points.unbind(1))
        assert isinstance(square, Tensor)
        keys = distance_keys(square, everyone, low)
        keys.scatter_(1, chosen[:, None], LAST)
        result[done : done + len(chosen)] = keys.topk(k, dim=1, largest=False).values & low
        done += len(chosen)
    return result


def all_pairs_of_few(points: Float[Tensor, "n 3"], k: int) -> Int[Tensor, "n k"]:
    """The same for all points at once, on the CPU: each distance is computed once, and n^2 of them are held."""
    low = index_bits(len(points))
    square = torch.from_numpy(squareform(pdist(points.numpy(), "sqeuclidean"), checks=False))
    keys = distance_keys(square, torch.arange(len(points)), low).fill_diagonal_(LAST).numpy()
    keys.partition(k - 1, axis=1)
    nearest = keys[:, :k].copy()
    nearest.sort(axis=1)
    return torch.from_numpy(nearest) & low
