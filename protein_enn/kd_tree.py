"""scipy's k-d tree, imported when the first one is built: the import takes longer than to score a small protein."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def kd_tree(points: np.ndarray, **options: Any) -> cKDTree:
    """A k-d tree of points.

    Parameters
    ----------
    points
        (n, 3), finite.
    options
        Those of `scipy.spatial.cKDTree`.

    Returns
    -------
    cKDTree
        The tree.

    Examples
    --------
    >>> kd_tree(np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]])).query([1.0, 0.0, 0.0])
    (1.0, 0)
    """
    from scipy.spatial import cKDTree

    return cKDTree(points, **options)
