"""Exact neighbor search in float64, from ten points to millions: the door to three searches that agree.

All distances for few points; for many a k-d tree on the CPU and a cell list on a GPU. `docs/neighbors.md` has the times
that set the limits. `torch.cdist` with its default mode is never used: its matrix-product form errs by hundredths of
an Å.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.geometry.neighbors.all_pairs import all_pairs, all_pairs_of_few
from protein_enn.geometry.neighbors.cell_list import by_cells
from protein_enn.geometry.neighbors.tree import by_tree

DENSE_LIMIT = 800
"""Points above which the k-d tree is faster than all distances (one core)."""
DEVICE_DENSE_LIMIT = 8192
"""Points above which the cell list reads less memory than all distances do, on a GPU."""
COPIES = 8
"""Coinciding points above which each place is searched only once."""
FAR = 1e150
"""Å; squares of more would overflow."""

Search = Callable[[Tensor, Tensor, int], Tensor]


def nearest_neighbors(points: Float[Tensor, "n 3"], k: int) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """The k nearest other points of each point, nearest first, and which of these exist.

    With fewer than k other points the rest of a row is the point itself, masked out. Ties are broken by index; what
    is equal to 10 digits is a tie (`distance_keys`). ValueError names the first point whose position is not finite.
    """
    n = len(points)
    exact = points.detach().double() + 0.0  # no -0.0
    _check(exact)
    real = max(min(k, n - 1), 0)
    itself = torch.arange(n, device=points.device)[:, None].expand(n, k - real)
    index = torch.cat([_nearest(exact, real), itself], 1) if real else itself.contiguous()
    mask = torch.arange(k, device=points.device).expand(n, k) < real
    return index, mask


def neighbors_within(
    points: Float[Tensor, "n 3"], radius: float, k: int
) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """The same for the k nearest of those within `radius` (Å, inclusive) of each point; the rest are masked out."""
    index, mask = nearest_neighbors(points, k)
    mask = mask & (squared_distances(points, index) <= radius**2)
    return torch.where(mask, index, torch.arange(len(points), device=points.device)[:, None]), mask


def squared_distances(points: Float[Tensor, "n 3"], index: Int[Tensor, "n k"]) -> Float[Tensor, "n k"]:
    """Å^2 from each point to others, in float64."""
    square = torch.zeros(index.shape, dtype=torch.float64, device=points.device)
    for axis in points.detach().double().unbind(1):
        square += (axis[index] - axis[:, None]).square_()
    return square


def _check(points: Tensor) -> None:
    usable = (points.abs() < FAR).all(1)
    if not usable.all():
        first = int((~usable).nonzero()[0, 0])
        raise ValueError(
            f"point {first} of {len(points)} is at {tuple(points[first].tolist())}: neighbors need finite coordinates"
        )


def _nearest(points: Tensor, k: int) -> Tensor:
    n, device = len(points), points.device
    if n <= DENSE_LIMIT and device.type == "cpu":
        return all_pairs_of_few(points, k)
    search = search_for(n, device)
    if search is not all_pairs and _crowded(points):
        return once_for_each_place(points, k, search)
    return search(points, torch.arange(n, device=device), k)


def search_for(n: int, device: torch.device) -> Search:
    """The fastest search of more than a few points."""
    if device.type == "cpu":
        return by_tree
    return by_cells if n > DEVICE_DENSE_LIMIT else all_pairs


def _crowded(points: Tensor) -> bool:
    """Whether more than `COPIES` points may coincide: by hashes, since a sort of one number each is cheap."""
    x, y, z = points.view(torch.int64).unbind(1)
    hashes = (x * 0x1E3779B97F4A7C15 + y) * 0x2545F4914F6CDD1D + z * 0x27D4EB2F165667C5
    hashes = hashes.sort().values
    return bool((hashes[COPIES:] == hashes[:-COPIES]).any())


def once_for_each_place(points: Float[Tensor, "n 3"], k: int, search: Search) -> Int[Tensor, "n k"]:
    """Where many points coincide a search would look at each of them for each: here it sees k + 1 of a place at most.

    More are never needed, since the lower indices come first. One point asks for all of its place.
    """
    n = len(points)
    _, place, count = points.unique(dim=0, return_inverse=True, return_counts=True)
    members = place.argsort(stable=True)  # place by place, by index within each
    start = count.cumsum(0) - count
    rank = torch.arange(n, device=points.device) - start[place[members]]
    seen = members[rank <= k].sort().values
    first = members[start]
    asked = torch.searchsorted(seen, first)
    nearest = torch.cat([first[:, None], seen[search(points[seen], asked, k)]], 1)[place]
    itself = nearest == torch.arange(n, device=points.device)[:, None]
    itself[:, -1] |= ~itself.any(1)  # not among the first k + 1 of its place: the last is one too many
    return nearest[~itself].view(n, k)
