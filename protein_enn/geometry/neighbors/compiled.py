"""The compiled searches of near_points.c, built at installation where there is a C compiler; None without them."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.geometry.neighbors.distance_keys import index_bits
from protein_enn.shared_library import load

_VERSION = 1  # of near_points.c
MOST_NEIGHBORS = 64
"""Neighbors of a point beyond which insertion into a sorted list is slow."""
_TOO_MANY = -2


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled loops; None if they were not built, cannot be loaded or are of another version."""
    loops = load(Path(__file__).parent, "_near_points*", "protein_enn_near_version", _VERSION)
    if loops is not None:
        loops.protein_enn_nearest.restype = loops.protein_enn_near_pairs.restype = ctypes.c_int64
    return loops


def nearest(points: Float[Tensor, "n 3"], k: int) -> Int[Tensor, "n k"] | None:
    """The k nearest others of all points (float64 on the CPU, k < n), from all distances."""
    loops = library()
    if loops is None or not 0 < k <= MOST_NEIGHBORS:
        return None
    axes = points.detach().T.contiguous()
    result = torch.empty(len(points), k, dtype=torch.int64)
    sizes = (ctypes.c_int64(size) for size in (len(points), k, index_bits(len(points))))
    if loops.protein_enn_nearest(*map(_pointer, axes), *sizes, _pointer(result)) < 0:
        raise MemoryError("no memory to search neighbors")
    return result


def near_pairs(
    ones: Float[Tensor, "a 3"], twos: Float[Tensor, "b 3"], distance: float, most: int, work: int
) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"], Float[Tensor, "p"]] | None:
    """Pairs of a point of each list within a distance, by the first index, then by the second, and their distances.

    Parameters
    ----------
    ones, twos
        Finite points, float64, Å.
    distance
        Å.
    most
        Most pairs.
    work
        Most pairs of points that are compared.

    Returns
    -------
    first, second, lengths
        None also where there are too many.
    """
    if (loops := library()) is None:
        return None
    ones, twos = ones.contiguous(), twos.contiguous()
    first, second = torch.empty(2, most, dtype=torch.int64)
    lengths = torch.empty(most, dtype=torch.float64)
    limits = ctypes.c_double(distance), ctypes.c_int64(most), ctypes.c_int64(work)
    lists = _pointer(ones), ctypes.c_int64(len(ones)), _pointer(twos), ctypes.c_int64(len(twos))
    count = loops.protein_enn_near_pairs(*lists, *limits, _pointer(first), _pointer(second), _pointer(lengths))
    if count == _TOO_MANY:
        return None
    if count < 0:
        raise MemoryError("no memory to search near points")
    return first[:count], second[:count], lengths[:count]


def _pointer(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
