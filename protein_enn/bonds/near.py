"""Pairs of near points, with a limit: of atoms in space few are near each other, of atoms at one place all are."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int

from protein_enn.geometry.neighbors import compiled
from protein_enn.kd_tree import kd_tree

FEW = 50_000
"""Pairs in all, for which trees would take longer."""
MOST = 100
"""Pairs a point, on average: no more atoms have room within the reach of a bond."""
WORK = 10_000_000
"""Pairs of points that compiled loops compare, in the time that trees of some 5,000 points take."""


def near_pairs(
    ones: Float[np.ndarray, "a 3"], twos: Float[np.ndarray, "b 3"], distance: float
) -> tuple[Int[np.ndarray, "p"], Int[np.ndarray, "p"], Float[np.ndarray, "p"]]:
    """Pairs of a point of each list within a distance; none where there are more than atoms can have.

    Parameters
    ----------
    ones, twos
        Finite points, Å.
    distance
        Å.

    Returns
    -------
    first, second, lengths
        Indices into both lists, and distances, Å.

    Examples
    --------
    >>> near_pairs(np.zeros((1, 3)), np.array([[0.0, 0.0, 1.5], [0.0, 0.0, 9.0]]), 2.0)[1].tolist()
    [0]
    """
    none = np.zeros(0, dtype=np.int64)
    if not len(ones) or not len(twos):
        return none, none, np.zeros(0)
    ones, twos = ones.astype(np.float64), twos.astype(np.float64)
    most = MOST * (len(ones) + len(twos))
    parts = compiled.near_pairs(torch.from_numpy(ones), torch.from_numpy(twos), distance, most, WORK)
    if parts is not None:
        first, second, lengths = (part.numpy().copy() for part in parts)
        return first, second, lengths
    if len(ones) * len(twos) < FEW:
        lengths = np.sqrt(np.square(ones[:, None] - twos).sum(-1))
        first, second = np.nonzero(lengths <= distance)
        return first, second, lengths[first, second]
    trees = [kd_tree(points) for points in (ones, twos)]
    if trees[0].count_neighbors(trees[1], distance) > most:
        return none, none, np.zeros(0)
    near = trees[0].sparse_distance_matrix(trees[1], distance, output_type="ndarray")
    return near["i"], near["j"], near["v"]
