"""Points at exactly one place, which a k-d tree cannot divide: a search among many of them takes quadratic time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def limit_coincident(points: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Indices of points, in order, with at most `most` of those that lie at exactly one place.

    Parameters
    ----------
    points
        (n, 3), finite.
    most
        How many are kept of each place.

    Examples
    --------
    >>> limit_coincident(np.array([[1.0, 0, 0], [2.0, 0, 0], [1.0, 0, 0]]), 1).tolist()
    [0, 1]
    """
    every = np.arange(len(points))
    if len(points) <= most:
        return every
    x = np.sort(points[:, 0])
    if (x[most:] != x[:-most]).all():  # no more than that at one x
        return every
    order = np.lexsort(points.T)
    changed = (points[order[1:]] != points[order[:-1]]).any(axis=1)
    starts = np.concatenate(([0], np.flatnonzero(changed) + 1))
    rank = every - np.repeat(starts, np.diff(starts, append=len(points)))
    return np.sort(order[rank < most])
