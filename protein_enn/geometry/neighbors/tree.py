"""Nearest neighbors by scipy's k-d tree: the fastest way for many points on the CPU.

The tree is cut at the middle of each box, not at the median, and its boxes are not shrunk, which halves the time to
build it and costs the search nothing. Points are asked in the order of its leaves: neighbors in space follow each
other, so that what one needs is still in the cache for the next.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from protein_enn.geometry.neighbors.distance_keys import LAST, distance_keys, index_bits, nearer_than

LEAF = 16
BLOCK = 2**20
"""Neighbors that are looked at together."""


def by_tree(points: Float[Tensor, "n 3"], rows: Int[Tensor, "m"], k: int) -> Int[Tensor, "m k"]:
    """The k nearest others of some points (float64 on the CPU, k < n). It uses as many threads as torch does."""
    tree = cKDTree(points.numpy(), leafsize=LEAF, balanced_tree=False, compact_nodes=False)
    result = torch.empty(len(rows), k, dtype=torch.int64)
    place = torch.full((len(points),), -1)
    place[rows] = torch.arange(len(rows))
    open_ = place[torch.from_numpy(tree.indices)]
    open_ = open_[open_ >= 0]
    asked = k + 2  # the point itself, and one more to see whether the k-th is tied with what was left out
    while len(open_):
        asked = min(asked, len(points))
        left = []
        for some in open_.split(max(1, BLOCK // asked)):
            nearest, decided = _ask(tree, points, rows[some], k, asked)
            result[some] = nearest  # what is undecided is written again
            left.append(some[~decided])
        open_, asked = torch.cat(left), 2 * asked
    return result


def _ask(tree: cKDTree, points: Tensor, rows: Tensor, k: int, asked: int) -> tuple[Tensor, Tensor]:
    """The k nearest of those that the tree gives when it is asked for this many; and for which points these are all."""
    low = index_bits(len(points))
    distance, found = tree.query(points[rows].numpy(), k=asked, workers=torch.get_num_threads())
    square, index = torch.from_numpy(distance).square_(), torch.from_numpy(found)
    edge = square[:, -1].clone()
    keys = distance_keys(square, index, low)
    keys[index == rows[:, None]] = LAST  # where points coincide it need not be the first
    ordered = keys.numpy()
    ordered.sort(axis=1)
    decided = nearer_than(keys[:, k - 1], edge, low) | (asked == len(points))
    return keys[:, :k] & low, decided
