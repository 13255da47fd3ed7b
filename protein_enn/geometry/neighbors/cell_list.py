"""Nearest neighbors by a cell list of tensor operations, for many points on a GPU; it also runs on a CPU.

Points are sorted by the cubic cell they lie in. For each point the 27 cells around it are searched, which hold all
points within one edge length. Points with fewer than k neighbors within that length (ties included) are searched again
with cells twice as wide. There is no grid: cells are found by bisection among the sorted cell numbers of the points,
and the numbers leave out empty space. So memory depends on the number of points, not on the volume.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.geometry.neighbors.all_pairs import all_pairs, block_of
from protein_enn.geometry.neighbors.distance_keys import LAST, distance_keys, index_bits, nearer_than

SAMPLE = 64
"""Points whose exact k-th distance sets the first width of a cell."""
WIDER = 1.25
"""The first width over the tenth percentile of the sample: enough for most points in the first round."""
FEW = 2**22
"""Below this number of distances the remaining points are compared with all."""
NUMBERS = 2**63
"""Cell numbers are below this; a million points cannot give as many, wherever they are."""
COLUMNS = 9
"""The 27 cells are nine columns of three. Cells of a column have successive numbers; its points are adjacent."""


def by_cells(points: Float[Tensor, "n 3"], rows: Int[Tensor, "m"], k: int) -> Int[Tensor, "m k"]:
    """The k nearest others of some points (float64, k < n)."""
    result = rows.new_empty(len(rows), k)
    undecided = torch.arange(len(rows), device=rows.device)
    width = _first_width(points, k)
    while len(undecided) * len(points) > FEW:
        cells = Cells(points, width)
        nearest, decided = cells.nearest(rows[undecided], k)
        result[undecided] = nearest  # undecided rows are overwritten in a later round
        undecided, width = undecided[~decided], 2 * cells.width
    if len(undecided):
        result[undecided] = all_pairs(points, rows[undecided], k)
    return result


def _first_width(points: Tensor, k: int) -> float:
    """An edge length of cells, Å, from the k-th distance of a sample."""
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
            scaled = (points - points.amin(0)) / width
            axes = [_without_gaps(axis) for axis in scaled.floor().unbind(1)]
            x, y, z = (int(axis.max()) + 3 for axis in axes)  # an empty cell at either end: no number wraps around
            if x * y * z < NUMBERS:
                break
            width *= 2
        self.width, self.low = width, index_bits(len(points))
        self.numbers, self.order = (((axes[0] + 1) * y + axes[1] + 1) * z + axes[2] + 1).sort()
        self.rank = torch.empty_like(self.order)
        self.rank[self.order] = torch.arange(len(points), device=points.device)
        self.axes = [axis.contiguous() for axis in points[self.order].unbind(1)]
        steps = torch.arange(-1, 2, device=points.device)
        self.columns = (steps[:, None] * y + steps).flatten() * z
        self.all_adjacent = max(int(axis.max()) for axis in axes) <= 1
        # Within this distance cells differ by one at most, in spite of the rounding of `scaled`.
        self.reach = width * max(0.0, 1 - 1e-15 * (float(scaled.max()) + 1))

    def nearest(self, rows: Int[Tensor, "m"], k: int) -> tuple[Tensor, Tensor]:
        """The k nearest points in the cells around each point, and for which points the result is final."""
        result = rows.new_full((len(rows), k), LAST)
        by_rank = self.rank[rows].argsort()
        block = block_of(rows.device)
        for part in by_rank.split(max(1, block // COLUMNS)):
            rank = self.rank[rows[part]]
            columns = self.numbers[rank, None] + self.columns
            start = torch.searchsorted(self.numbers, columns - 1)
            count = torch.searchsorted(self.numbers, columns + 1, right=True) - start
            longest, order = count.amax(1).sort(descending=True)
            done = 0
            while done < len(part):  # points with columns of similar length together: little padding
                length = int(longest[done])
                chunk = order[done : done + max(1, block // (COLUMNS * length))]
                keys = self._keys(rank[chunk], start[chunk], count[chunk], length)
                smallest = keys.topk(min(k, keys.shape[1]), dim=1, largest=False).values
                result[part[chunk], : smallest.shape[1]] = smallest
                done += len(chunk)
        reach = torch.tensor([self.reach**2], dtype=torch.float64, device=rows.device)
        decided = nearer_than(result[:, -1], reach, self.low) | self.all_adjacent
        return result & self.low, decided

    def _keys(self, rank: Tensor, start: Tensor, count: Tensor, length: int) -> Tensor:
        """Keys of all points in the columns around each: (m, 9 * length)."""
        step = torch.arange(length, device=rank.device)
        other = (start[..., None] + step).clamp_(max=len(self.order) - 1)
        absent = (step >= count[..., None]) | (other == rank[:, None, None])
        square = sum((axis[other] - axis[rank, None, None]).square_() for axis in self.axes)
        assert isinstance(square, Tensor)
        return distance_keys(square, self.order[other], self.low).masked_fill_(absent, LAST).flatten(1)


def _without_gaps(cells: Float[Tensor, "n"]) -> Int[Tensor, "n"]:
    """Numbers of cells along one axis, counted from 0; any number of successive empty cells counts as one."""
    occupied, index = cells.unique(return_inverse=True)
    steps = occupied.diff().clamp_(max=2).long()
    return torch.cat([steps.new_zeros(1), steps.cumsum(0)])[index]
