"""Nearest neighbors from all distances: the fastest search for few points, and the reference of the other searches."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.geometry.neighbors.distance_keys import LAST, distance_keys, index_bits

FEWEST = 256
"""Points up to which scipy, twice as fast, saves less than a millisecond: its import takes half a second."""
BLOCK = {"cpu": 2**17, "cuda": 2**23}
"""Distances held at once: as many as fit the cache of a core, and as many as occupy a GPU (64 MB per array)."""


def block_of(device: torch.device) -> int:
    """Distances held at once on this device."""
    return BLOCK.get(device.type, BLOCK["cpu"])


def all_pairs(points: Float[Tensor, "n 3"], rows: Int[Tensor, "m"], k: int) -> Int[Tensor, "m k"]:
    """The k nearest others of some points (float64, k < n), a block of rows at a time, on any device."""
    low, everyone = index_bits(len(points)), torch.arange(len(points), device=points.device)
    # Allocated once: many small results between large temporaries would fragment the heap.
    result = rows.new_empty(len(rows), k)
    done = 0
    for block in rows.split(max(1, block_of(points.device) // len(points))):
        square = sum((axis[block, None] - axis).square_() for axis in points.unbind(1))
        assert isinstance(square, Tensor)
        keys = distance_keys(square, everyone, low)
        keys.scatter_(1, block[:, None], LAST)
        result[done : done + len(block)] = keys.topk(k, dim=1, largest=False).values & low
        done += len(block)
    return result


def all_pairs_of_few(points: Float[Tensor, "n 3"], k: int) -> Int[Tensor, "n k"]:
    """The same for all points at once, on the CPU: each distance is computed once, and n^2 are held."""
    low = index_bits(len(points))
    keys = distance_keys(_squares(points), torch.arange(len(points)), low).fill_diagonal_(LAST).numpy()
    keys.partition(k - 1, axis=1)
    nearest = keys[:, :k].copy()
    nearest.sort(axis=1)
    return torch.from_numpy(nearest) & low


def _squares(points: Float[Tensor, "n 3"]) -> Float[Tensor, "n n"]:
    """Squared distances; both ways give the same to the last bit."""
    if len(points) <= FEWEST:
        square = sum((axis[:, None] - axis).square_() for axis in points.unbind(1))
        assert isinstance(square, Tensor)
        return square
    from scipy.spatial.distance import pdist, squareform

    return torch.from_numpy(squareform(pdist(points.numpy(), "sqeuclidean"), checks=False))
