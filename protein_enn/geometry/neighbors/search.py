"""Exact neighbor search in float64, from ten points to millions: chooses one of four searches with equal results.

All distances for few points, by compiled loops where they were built; for many a k-d tree on the CPU and a cell list on
a GPU. The times that set the limits are in docs/benchmarks/neighbors.md. `torch.cdist` in its default mode is never
used: its matrix products have errors of hundredths of an Å.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.geometry.neighbors import compiled
from protein_enn.geometry.neighbors.all_pairs import all_pairs, all_pairs_of_few
from protein_enn.geometry.neighbors.cell_list import by_cells
from protein_enn.geometry.neighbors.tree import by_tree

DENSE_LIMIT = 800
"""Points above which the k-d tree is faster than all distances (one core)."""
COMPILED_LIMIT = 2048
"""Points above which the k-d tree is faster than the compiled loops over all distances (one core)."""
DEVICE_DENSE_LIMIT = 8192
"""Points above which the cell list reads less memory than all distances do, on a GPU."""
COPIES = 8
"""Coinciding points above which each distinct position is searched only once."""
FAR = 1e150
"""Å; squares of more would overflow."""

TIE = 3e-5
"""Å; distances that differ by less, a few roundings of float32 coordinates, are the same in a symmetric structure."""
MOST_TIED = 16
"""Points of the same distance beyond the k-th that are taken at most: thousands may coincide."""

Search = Callable[[Tensor, Tensor, int], Tensor]


def nearest_neighbors(points: Float[Tensor, "n 3"], k: int) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """The k nearest other points of each point, nearest first.

    Ties are broken by index; distances equal to 10 digits are a tie (`distance_keys`).

    Parameters
    ----------
    points
        Å.
    k
        Neighbors of each point.

    Returns
    -------
    index
        Rows of `points`. Where there are fewer than k other points the rest of a row is the point itself.
    mask
        Which neighbors exist.

    Raises
    ------
    ValueError
        A coordinate is not finite. The message names the first such point.

    Examples
    --------
    >>> index, mask = nearest_neighbors(torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [3.0, 0, 0]]), 2)
    >>> index.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    n = len(points)
    exact = points.detach().double() + 0.0  # no -0.0
    _check(exact)
    real = max(min(k, n - 1), 0)
    itself = torch.arange(n, device=points.device)[:, None].expand(n, k - real)
    index = torch.cat([_nearest(exact, real), itself], 1) if real else itself.contiguous()
    mask = torch.arange(k, device=points.device).expand(n, k) < real
    return index, mask


def nearest_and_tied(points: Float[Tensor, "n 3"], k: int) -> tuple[Int[Tensor, "n q"], Bool[Tensor, "n q"]]:
    """The k nearest other points of each point, and all that are as far as the k-th.

    So in a symmetric structure equivalent points have equivalent neighbors. Where no point has ties q is k.

    Parameters
    ----------
    points
        Å.
    k
        Neighbors of each point.

    Returns
    -------
    index, mask
        As of `nearest_neighbors`, with up to `MOST_TIED` more columns.

    Raises
    ------
    ValueError
        A coordinate is not finite.

    Examples
    --------
    >>> corners = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [0.0, 1, 0], [1.0, 1, 0]])
    >>> nearest_and_tied(corners, 1)[0].tolist()
    [[1, 2], [0, 3], [0, 3], [1, 2]]
    """
    for extra in (1, MOST_TIED):  # most structures have no ties, and few points more than one
        index, mask = nearest_neighbors(points, k + extra)
        distance = squared_distances(points, index[:, k - 1 :]).sqrt()
        tied = mask[:, k:] & (distance[:, 1:] - distance[:, :1] < TIE)
        if not tied[:, -1].any():
            break
    width = k + int(tied.sum(1).max()) if len(points) else k
    mask = torch.cat([mask[:, :k], tied], 1)[:, :width]
    itself = torch.arange(len(points), device=points.device)[:, None]
    return torch.where(mask, index[:, :width], itself), mask


def neighbors_within(
    points: Float[Tensor, "n 3"], radius: float, k: int
) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """The k nearest of the other points within a radius of each point.

    Parameters
    ----------
    points
        Å.
    radius
        Å, inclusive.
    k
        Neighbors of each point at most.

    Returns
    -------
    index
        Rows of `points`, nearest first; the point itself in place of missing neighbors.
    mask
        Which neighbors exist.

    Raises
    ------
    ValueError
        A coordinate is not finite.
    """
    index, mask = nearest_neighbors(points, k)
    mask = mask & (squared_distances(points, index) <= radius**2)
    return torch.where(mask, index, torch.arange(len(points), device=points.device)[:, None]), mask


def squared_distances(points: Float[Tensor, "n 3"], index: Int[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Squared distances (Å^2, float64) from each point to the points of its row in `index`."""
    square = torch.zeros(index.shape, dtype=torch.float64, device=points.device)
    for axis in points.detach().double().unbind(1):
        square += (axis[index] - axis[:, None]).square_()
    return square


def _check(points: Tensor) -> None:
    """ValueError for coordinates that are not finite or too large to be squared."""
    usable = (points.abs() < FAR).all(1)
    if not usable.all():
        first = int((~usable).nonzero()[0, 0])
        raise ValueError(
            f"point {first} of {len(points)} is at {tuple(points[first].tolist())}: neighbors need finite coordinates"
        )


def _nearest(points: Tensor, k: int) -> Tensor:
    """The k nearest others of all points (float64, k < n)."""
    n, device = len(points), points.device
    if n <= COMPILED_LIMIT and device.type == "cpu" and (found := compiled.nearest(points, k)) is not None:
        return found
    if n <= DENSE_LIMIT and device.type == "cpu":
        return all_pairs_of_few(points, k)
    search = search_for(n, device)
    if search is not all_pairs and _has_coinciding_points(points):
        return search_distinct_positions(points, k, search)
    return search(points, torch.arange(n, device=device), k)


def search_for(n: int, device: torch.device) -> Search:
    """The fastest search of more than a few points."""
    if device.type == "cpu":
        return by_tree
    return by_cells if n > DEVICE_DENSE_LIMIT else all_pairs


def _has_coinciding_points(points: Tensor) -> bool:
    """Whether more than `COPIES` points may coincide. It compares hashes: sorting one number per point is cheap."""
    x, y, z = points.view(torch.int64).unbind(1)
    hashes = (x * 0x1E3779B97F4A7C15 + y) * 0x2545F4914F6CDD1D + z * 0x27D4EB2F165667C5
    hashes = hashes.sort().values
    return bool((hashes[COPIES:] == hashes[:-COPIES]).any())


def search_distinct_positions(points: Float[Tensor, "n 3"], k: int, search: Search) -> Int[Tensor, "n k"]:
    """`search` where many points coincide: once per distinct position, among at most k + 1 points of each.

    More points of a position are never needed, since lower indices come first. The result of the first point of a
    position holds for all of its points. Without this, time and memory grow with the square of the number of points.
    """
    n = len(points)
    _, position, count = points.unique(dim=0, return_inverse=True, return_counts=True)
    members = position.argsort(stable=True)  # position by position, by index within each
    start = count.cumsum(0) - count
    rank = torch.arange(n, device=points.device) - start[position[members]]
    kept = members[rank <= k].sort().values
    first = members[start]
    queries = torch.searchsorted(kept, first)
    nearest = torch.cat([first[:, None], kept[search(points[kept], queries, k)]], 1)[position]
    itself = nearest == torch.arange(n, device=points.device)[:, None]
    itself[:, -1] |= ~itself.any(1)  # not among the first k + 1 of its position: the last one is dropped instead
    return nearest[~itself].view(n, k)
