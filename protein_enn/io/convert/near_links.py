"""Disulfides and closed rings that no record declares: found by distance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.bonds import residues
from protein_enn.io.table.coincident import limit_coincident
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure

DISULFIDE = (1.5, residues.DISULFIDE)
"""Å between two SG that count as bonded without a record; nearer ones are two copies of one atom."""
SMALLEST_RING = 3
"""Residues of the shortest cyclic chain."""
FEW_SULFURS = 500
"""Sulfurs of which all pairs are compared."""
MOST_NEIGHBORS = 32
"""Sulfurs within the length of a disulfide that are compared where there are more, the nearest ones."""
SG = chemistry.ATOM_INDEX["SG"]
CYS = chemistry.RESIDUE_INDEX["CYS"]


class End(NamedTuple):
    """An atom as `Links` names it."""

    residue: int
    atom: int


Bond = tuple[End, End]


def disulfides(structure: Structure, bridged: set[int]) -> Iterator[Bond]:
    """Bridges by distance, nearest first, each sulfur in one only."""
    rows = np.flatnonzero(structure.present.numpy()[:, SG] & (structure.residues.numpy() == CYS))
    if len(rows) < 2:
        return
    points = structure.positions.numpy()[rows, SG].astype(np.float64)
    distance, pairs = _near_pairs(points)
    used = set(bridged)
    for k in np.lexsort((pairs[:, 1], pairs[:, 0], distance)).tolist():
        i, j = (int(rows[p]) for p in pairs[k])
        if distance[k] >= DISULFIDE[0] and not {i, j} & used:
            used |= {i, j}
            yield End(i, SG), End(j, SG)


def _near_pairs(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances (Å) and pairs of points, the smaller index first, of points within the length of a disulfide."""
    if len(points) <= FEW_SULFURS:
        square = np.square(points[:, None] - points).sum(-1)
        pairs = np.argwhere(np.triu(square <= DISULFIDE[1] ** 2, 1))
    else:
        chosen = limit_coincident(points, MOST_NEIGHBORS)
        some = points[chosen]
        _, near = kd_tree(some).query(some, k=MOST_NEIGHBORS, distance_upper_bound=DISULFIDE[1])
        i, rank = np.nonzero(near < len(some))
        pairs = chosen[np.stack([i, near[i, rank]], axis=1)]
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    return np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1), pairs


def closures(structure: Structure) -> Iterator[Bond]:
    """C of the last to N of the first residue of a cyclic chain."""
    if not len(structure):
        return
    chains, present, x = structure.chains.numpy(), structure.present.numpy(), structure.positions.numpy()
    starts = np.concatenate(([0], 1 + np.flatnonzero(np.diff(chains))))
    ends = np.concatenate((starts[1:], [len(structure)])) - 1
    c, n = chemistry.C, chemistry.N
    distance = np.linalg.norm(x[ends, c].astype(np.float64) - x[starts, n], axis=-1)
    closable = present[ends, c] & present[starts, n] & (ends - starts + 1 >= SMALLEST_RING)
    closed = closable & (distance < chemistry.PEPTIDE_BREAK)
    for first, last in zip(starts[closed].tolist(), ends[closed].tolist(), strict=True):
        yield End(last, c), End(first, n)
