"""Pairs of near points, with a limit: of atoms in space few are near each other, of atoms at one place all are."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

FEW = 20_000
"""Pairs in all, for which trees would take longer."""
MOST = 100
"""Pairs a point, on average: no more atoms have room within the reach of a bond."""


def near_pairs(
    ones: Float[Tensor, "a 3"], twos: Float[Tensor, "b 3"], distance: float
) -> tuple[Int[Tensor, "p"], Int[Tensor, "p"], Float[Tensor, "p"]]:
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
    >>> near_pairs(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 1.5], [0.0, 0.0, 9.0]]), 2.0)[1].tolist()
    [0]
    """
    none = torch.zeros(0, dtype=torch.long)
    if not len(ones) or not len(twos):
        return none, none, torch.zeros(0, dtype=torch.double)
    if len(ones) * len(twos) < FEW:
        lengths = torch.cdist(ones.double(), twos.double(), compute_mode="donot_use_mm_for_euclid_dist")
        first, second = (lengths <= distance).nonzero(as_tuple=True)
        return first, second, lengths[first, second]
    trees = [cKDTree(points.double().numpy()) for points in (ones, twos)]
    if trees[0].count_neighbors(trees[1], distance) > MOST * (len(ones) + len(twos)):
        return none, none, torch.zeros(0, dtype=torch.double)
    near = trees[0].sparse_distance_matrix(trees[1], distance, output_type="ndarray")
    first, second, lengths = (torch.as_tensor(near[name].copy()) for name in ("i", "j", "v"))
    return first, second, lengths
