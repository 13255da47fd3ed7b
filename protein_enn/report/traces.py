"""CA traces of a record: the points, and the view that a picture of them shows."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.report.html import number

LOPSIDED = 0.02
"""A mean cubed coordinate below this (in units of the standard deviation cubed) does not tell an axis' ends apart."""

Point = tuple[float, float, float]


def points_of(values: object, n: int) -> list[Point | None]:
    """The points of a trace in a record; ValueError unless it is a list of n, each three finite numbers or null."""
    if not isinstance(values, list) or len(values) != n:
        raise ValueError(f"must be a list of {n} points, one for each residue")
    points: list[Point | None] = []
    for i, value in enumerate(values):
        if value is None:
            points.append(None)
            continue
        numbers = [number(x) for x in value] if isinstance(value, list) else []
        known = [x for x in numbers if x is not None]
        if len(numbers) != 3 or len(known) != 3:
            raise ValueError(f"point {i + 1} is {str(value)[:40]}, not three numbers or null")
        points.append((known[0], known[1], known[2]))
    return points


def view_of(points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "3"], Float[Tensor, "3 3"]]:
    """Center and axes (rows: to the right, up, to the viewer) of the view that shows most of the points.

    The axes are the principal ones, the longest to the right. The end of an axis with the longer tail points right or
    up, where there is none that of the first point; the third axis makes them right-handed: never a mirror image.
    """
    center = points.mean(0)
    apart = points - center
    _, vectors = torch.linalg.eigh(apart.mT @ apart)
    axes = vectors.mT.flip(0).clone()
    for k in (0, 1):
        along = apart @ axes[k]
        tail = along.pow(3).mean() / along.square().mean().clamp_min(1e-12).pow(1.5)
        if float(tail if tail.abs() > LOPSIDED else along[0]) < 0:
            axes[k] = -axes[k]
    axes[2] = torch.linalg.cross(axes[0], axes[1])
    return center, axes


def projected(before: list[Point | None], after: list[Point | None]) -> tuple[list[Point | None], list[Point | None]]:
    """Both traces as the view of the first shows them: x to the right, y up, z toward the viewer, Å."""
    known = [point for point in before if point is not None]
    if not known:
        return before, after
    center, axes = view_of(torch.tensor(known, dtype=torch.float64))

    def rotated(points: list[Point | None]) -> list[Point | None]:
        there = [i for i, point in enumerate(points) if point is not None]
        result: list[Point | None] = [None] * len(points)
        if there:
            stack = torch.tensor([points[i] for i in there], dtype=torch.float64)
            for i, (x, y, z) in zip(there, ((stack - center) @ axes.T).tolist(), strict=True):
                result[i] = (x, y, z)
        return result

    return rotated(before), rotated(after)
