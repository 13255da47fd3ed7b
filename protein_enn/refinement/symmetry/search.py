"""The search for a point group among the chains of a structure.

Every superposition of a chain on another of its sequence is a candidate for a generator: its angle must be near
2 pi / n. Chains that the exact group made of it carries on one another form orbits; the group is fitted to them, and
compared by the RMSD that remains. Pairs of generators with perpendicular axes give the dihedral groups.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.geometry.rotations import axis_and_angle
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.geometry.symmetry.operators import Operators
from protein_enn.geometry.symmetry.point_groups import LARGEST, fit_group, frame_of, group_operators
from protein_enn.refinement.symmetry.chains import AlikeChains

OFF_ANGLE = math.radians(10.0)
"""How far the angle of two chains may be from 2 pi / n, and two axes from perpendicular, to be tried at all."""
LOOSE = 8.0
"""Å: chains further from where an operator puts their copy are not that copy, whatever the tolerance."""
SAME_AXIS = (math.radians(5.0), 2.0)
"""Radians and Å within which two axes of one order are tried only once."""

Orbit = tuple[int, tuple[int, ...]]
"""Which set of alike chains, and the place among them of the chain in copy 0, 1, ..."""


@dataclass(frozen=True, eq=False)
class Found:
    """A group with its orbits, and how far from exact the chains are."""

    operators: Operators
    orbits: tuple[Orbit, ...]
    deviation: float  # Å, largest CA RMSD of a copy from where its operator puts copy 0
    residues: int  # in all copies


@dataclass(frozen=True, eq=False)
class _Axis:
    """A rotation axis of order n through `point`."""

    order: int
    direction: Float[Tensor, "3"]
    point: Float[Tensor, "3"]
    motion: tuple[Tensor, Tensor]


def search(sets: Sequence[AlikeChains], tolerance: float, wanted: str | None = None) -> list[Found]:
    """All groups (or those called `wanted`) with deviation within max(tolerance, LOOSE), the best first.

    Best within the tolerance: the most residues, then the largest group, then the least deviation; those beyond it
    come after, by deviation.
    """
    axes = _axes(sets, tolerance)
    found = [
        one for name, frame, center in _trials(axes, wanted) if (one := _tried(sets, name, frame, center, tolerance))
    ]

    def rank(one: Found) -> tuple[bool, int, int, float]:
        if one.deviation > tolerance:
            return True, 0, 0, one.deviation
        return False, -one.residues, -len(one.operators), one.deviation

    return sorted(found, key=rank)


def orbits_of(sets: Sequence[AlikeChains], operators: Operators, limit: float) -> list[Orbit]:
    """Chains that the operators carry on others, CA RMSD at most `limit` Å, each chain in one orbit at most."""
    orbits: list[Orbit] = []
    for s, alike in enumerate(sets):
        free = set(range(len(alike.chains)))
        for start in range(len(alike.chains)):
            if start in free and (orbit := _orbit(alike, operators, start, free, limit)):
                orbits.append((s, orbit))
                free -= set(orbit)
    return orbits


def _orbit(
    alike: AlikeChains, operators: Operators, start: int, free: set[int], limit: float
) -> tuple[int, ...] | None:
    """The chain of each copy when `start` is copy 0; None where one is missing."""
    centers = operators.copies(alike.centers[start][None])[:, 0]
    chosen: list[int] = []
    for c, center in enumerate(centers):
        near = (alike.centers - center).norm(dim=-1)
        candidates = [j for j in near.argsort().tolist() if j in free and j not in chosen and near[j] <= 2 * limit + 2]
        rotation, shift = operators.rotations[c], operators.shifts[c]
        for j in candidates:
            shared = alike.shared((start, j))
            there = moved(alike.ca[start, shared], rotation, shift)
            if int(shared.sum()) and _rms(there, alike.ca[j, shared]) <= limit:
                chosen.append(j)
                break
        else:
            return None
    return tuple(chosen)


def deviation_of(sets: Sequence[AlikeChains], operators: Operators, orbits: Sequence[Orbit]) -> float:
    """Largest CA RMSD, over the operators, from where they put copy 0 to the copy, Å."""
    copies = cloud(sets, orbits)
    there = operators.copies(copies[0])
    return float((there - copies).square().sum(-1).mean(1).sqrt().max())


def cloud(sets: Sequence[AlikeChains], orbits: Sequence[Orbit]) -> Float[Tensor, "k m 3"]:
    """The CA atoms that all copies have."""
    return torch.cat([sets[s].ca[list(orbit)][:, sets[s].shared(orbit)] for s, orbit in orbits], 1)


def _rms(x: Tensor, y: Tensor) -> float:
    return float((x - y).square().sum(-1).mean().sqrt())


def _axes(sets: Sequence[AlikeChains], tolerance: float) -> list[_Axis]:
    """Rotation axes, each once, that carry one chain on another of its sequence."""
    axes: list[_Axis] = []
    for alike in sets:
        for i in range(len(alike.chains)):
            for j in range(i + 1, len(alike.chains)):
                shared = alike.shared((i, j))
                if int(shared.sum()) < 3:
                    continue
                x, y = alike.ca[i, shared], alike.ca[j, shared]
                rotation, shift = superpose(x, y)
                if _rms(moved(x, rotation, shift), y) > max(tolerance, LOOSE):
                    continue
                axis = _axis(rotation, shift)
                if axis is not None and not any(_same(axis, other) for other in axes):
                    axes.append(axis)
    return axes


def _axis(rotation: Tensor, shift: Tensor) -> _Axis | None:
    direction, angle = axis_and_angle(rotation)
    order = round(2 * math.pi / angle) if angle > math.pi / LARGEST else 0
    if not 2 <= order <= LARGEST:
        return None
    step = 2 * math.pi / order
    along = float(shift @ direction)
    if abs(angle - step) > min(OFF_ANGLE, step / 4) or abs(along) > 2 * LOOSE:
        return None
    # The point of the axis nearest to the origin of the shift: (I - R) p = t less its part along the axis.
    point = torch.linalg.pinv(torch.eye(3, dtype=torch.float64) - rotation, rtol=1e-6) @ (shift - along * direction)
    return _Axis(order, direction, point, (rotation, shift))


def _same(one: _Axis, other: _Axis) -> bool:
    cosine = abs(float(one.direction @ other.direction))
    apart = one.point - other.point
    apart = apart - (apart @ one.direction) * one.direction
    return one.order == other.order and cosine > math.cos(SAME_AXIS[0]) and float(apart.norm()) < SAME_AXIS[1]


def _trials(axes: list[_Axis], wanted: str | None) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Names, frames and centers of groups worth a try: each axis alone, then with a perpendicular twofold."""
    for axis in axes:
        if wanted in (None, f"C{axis.order}"):
            yield f"C{axis.order}", frame_of(axis.direction), axis.point
        if wanted not in (None, f"D{axis.order}"):
            continue
        for other in axes:
            if other is not axis and other.order == 2 and abs(float(axis.direction @ other.direction)) < OFF_ANGLE:
                equations = torch.cat([torch.eye(3, dtype=torch.float64) - a.motion[0] for a in (axis, other)])
                center = torch.linalg.pinv(equations) @ torch.cat([axis.motion[1], other.motion[1]])
                yield f"D{axis.order}", frame_of(axis.direction, other.direction), center


def _tried(sets: Sequence[AlikeChains], name: str, frame: Tensor, center: Tensor, tolerance: float) -> Found | None:
    """The group fitted to the chains it carries on one another; orbits beyond the tolerance go if others remain."""
    operators = group_operators(name, frame, center)
    orbits: list[Orbit] = []
    # A first center and axis from two chains err most for those far away, so the limit narrows as the fit sees all.
    for limit in (max(tolerance, LOOSE), max(tolerance, LOOSE / 2), tolerance):
        inside = orbits_of(sets, operators, limit)
        if not inside:
            break
        orbits = inside
        operators = fit_group(name, cloud(sets, orbits), _frame(operators))
    if not orbits:
        return None
    orbits = [(s, _nearest_start(sets, operators, orbits[0], (s, orbit))) for s, orbit in orbits]
    size = sum(int(sets[s].shared(orbit).sum()) * len(orbit) for s, orbit in orbits)
    return Found(operators, tuple(orbits), deviation_of(sets, operators, orbits), size)


def _frame(operators: Operators) -> Float[Tensor, "3 3"]:
    """The frame G of a group: its axis and, for Dn, the twofold that comes after the n rotations."""
    across = None
    if operators.name.startswith("D"):
        across = axis_and_angle(operators.rotations[len(operators) // 2])[0]
    return frame_of(axis_and_angle(operators.rotations[1])[0], across)


def _nearest_start(sets: Sequence[AlikeChains], operators: Operators, first: Orbit, orbit: Orbit) -> tuple[int, ...]:
    """The orbit begun with the chain nearest to copy 0 of the first orbit: a unit of several chains is then whole."""
    at = sets[first[0]].centers[first[1][0]]
    start = int((sets[orbit[0]].centers[list(orbit[1])] - at).norm(dim=-1).argmin())
    begun = _orbit(sets[orbit[0]], operators, orbit[1][start], set(orbit[1]), math.inf)
    return orbit[1] if begun is None else begun
