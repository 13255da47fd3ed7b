"""Nearest neighbors by a cell list in tensor operations alone: for many points on a GPU, the same on the CPU.

Points are sorted by the cubic cell they lie in; a point then looks at the 27 cells around it, which hold all within
one edge length of it. Those that do not find k within that length (ties included) are asked again with cells twice as
wide. No grid is made: cells are found by bisection among the points' sorted cell numbers, empty space between them is
left out of the numbers, so that memory follows the points, however far apart they are.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.geometry.neighbors.all_pairs import all_pairs, block_of
from protein_enn.geometry.neighbors.distance_keys import LAST, distance_keys, index_bits, nearer_than

SAMPLE = 64
"""Points whose true k-th distance sets the first width of a cell."""
WIDER = 1.25
"""The first width over the sample's tenth percentile: most points of even density are then done at once."""
FEW = 2**22
"""Distances below which the last points are compared with all."""
NUMBERS = 2**63
"""Cell numbers are below this; a million points cannot make as many, whatever their places."""
COLUMNS = 9
"""The 27 cells are nine columns of three: a column's cells have successive numbers and its points stand together."""


def by_cells(points: Float[Tensor, "n 3"], rows: Int[Tensor, "m"], k: int) -> Int[Tensor, "m k"]:
    """The k nearest others of some points (float64, k < n)."""
    result = rows.new_empty(len(rows), k)
    open_ = torch.arange(len(rows), device=rows.device)
    width = _first_width(points, k)
    while len(open_) * len(points) > FEW:
        cells = Cells(points, width)
        nearest, decided = cells.nearest(rows[open_], k)
        result[open_] = nearest  # what is undecided is written again
        open_, width = open_[~decided], 2 * cells.width
    if len(open_):
        result[open_] = all_pairs(points, rows[open_], k)
    return result


def _first_width(points: Tensor, k: int) -> float:
    sample = torch.linspace(0, len(points) - 1, min(SAMPLE, len(points)), device=points.device).long()
    last = all_pairs(points, sample, k)[:, -1]
    reach = (points[sample] - points[last]).norm(dim=1)
    reach = reach[reach > 0]
    if len(reach):
        return WIDER * float(reach.quantile(0.1))
    return float((points.amax(0) - points.amin(0)).max()) or 1.0


class Cells:
    """Points sorted by the number of their cell, which is x * X + y * Y + z."""

    def __init__(self, points: Float[Tensor, "n 3"], width: float) -> None:
        while True:
            away = (points - points.amin(0)) / width
            axes = [_without_gaps(axis) for axis in away.floor().unbind(1)]
            x, y, z = (int(axis.max()) + 3 for axis in axes)  # a cell beyond either end: no number wraps around
            if x * y * z < NUMBERS:
                break
            width *= 2
        self.width, self.low = width, index_bits(len(points))
        self.numbers, self.order = (((axes[0] + 1) * y + axes[1] + 1) * z + axes[2] + 1).sort()
        self.place = torch.empty_like(self.order)
        self.place[self.order] = torch.arange(len(points), device=points.device)
        self.axes = [axis.contiguous() for axis in points[self.order].unbind(1)]
        steps = torch.arange(-1, 2, device=points.device)
        self.columns = (steps[:, None] * y + steps).flatten() * z
        self.whole = max(int(axis.max()) for axis in axes) <= 1
        # Within this distance cells differ by one at most, for all that rounding of `away` can do.
        self.searched = width * max(0.0, 1 - 1e-15 * (float(away.max()) + 1))

    def nearest(self, rows: Int[Tensor, "m"], k: int) -> tuple[Tensor, Tensor]:
        """The k nearest of those in the cells around each point, and for which points these are all."""
        result = rows.new_full((len(rows), k), LAST)
        by_place = self.place[rows].argsort()
        block = block_of(rows.device)
        for some in by_place.split(max(1, block // COLUMNS)):
            place = self.place[rows[some]]
            around = self.numbers[place, None] + self.columns
            start = torch.searchsorted(self.numbers, around - 1)
            count = torch.searchsorted(self.numbers, around + 1, right=True) - start
            longest, order = count.amax(1).sort(descending=True)
            done = 0
            while done < len(some):  # like with like: little is padded
                length = int(longest[done])
                now = order[done : done + max(1, block // (COLUMNS * length))]
                keys = self._keys(place[now], start[now], count[now], length)
                kept = keys.topk(min(k, keys.shape[1]), dim=1, largest=False).values
                result[some[now], : kept.shape[1]] = kept
                done += len(now)
        searched = torch.tensor([self.searched**2], dtype=torch.float64, device=rows.device)
        decided = nearer_than(result[:, -1], searched, self.low) | self.whole
        return result & self.low, decided

    def _keys(self, place: Tensor, start: Tensor, count: Tensor, length: int) -> Tensor:
        """Keys of all points in the columns around each: (m, 9 * length)."""
        step = torch.arange(length, device=place.device)
        other = (start[..., None] + step).clamp_(max=len(self.order) - 1)
        absent = (step >= count[..., None]) | (other == place[:, None, None])
        square = sum((axis[other] - axis[place, None, None]).square_() for axis in self.axes)
        assert isinstance(square, Tensor)
        return distance_keys(square, self.order[other], self.low).masked_fill_(absent, LAST).flatten(1)


def _without_gaps(cells: Float[Tensor, "n"]) -> Int[Tensor, "n"]:
    """Numbers of cells along one axis, counted on from 0, where any number of empty ones count as one."""
    filled, which = cells.unique(return_inverse=True)
    steps = filled.diff().clamp_(max=2).long()
    return torch.cat([steps.new_zeros(1), steps.cumsum(0)])[which]
