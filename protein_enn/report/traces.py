"""What a picture of a refinement is drawn from: CA traces, what is wrong with each residue, and the view.

The record of a refinement gets these when it is written, so that a page can be made of the record alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.outliers import by_group
from protein_enn.report.coordinates import packed
from protein_enn.report.html import number

if TYPE_CHECKING:
    from protein_enn.metrics import Stereochemistry
    from protein_enn.refinement import Refinement
    from protein_enn.structure import Structure

LOPSIDED = 0.02
"""A mean cubed coordinate below this (in units of the standard deviation cubed) does not tell an axis' ends apart."""

Point = tuple[float, float, float]


def record_with_trace(refinement: Refinement, output: str | Path | None = None) -> dict[str, Any]:
    """`Refinement.record()` with what pictures need besides: CA traces, heavy atoms, the outliers of each residue."""
    record = refinement.record(output)
    wrong = {
        "outliers_before": outlier_words(refinement.geometry_before),
        "outliers_after": outlier_words(refinement.geometry_after),
    }
    trace = {"before": ca_trace(refinement.input), "after": ca_trace(refinement.structure)}
    atoms = packed(refinement.input, refinement.structure)
    return {**record, "per_residue": {**record["per_residue"], **wrong}, "trace": trace, "atoms": atoms}


def outlier_words(geometry: Stereochemistry) -> list[str]:
    """What is wrong with each residue, "clash bond"; "" where nothing is."""
    names = [kind.name for kind in by_group()]
    flags = torch.stack([geometry.masks[name] for name in names], 1).tolist()
    return [" ".join(name for name, flag in zip(names, row, strict=True) if flag) for row in flags]


def ca_trace(structure: Structure) -> list[list[float] | None]:
    """CA positions in Å to 0.01, None for residues without."""
    there = structure.present[:, chemistry.CA].tolist()
    places = structure.ca.double().tolist()
    return [[round(x, 2) for x in place] if known else None for place, known in zip(places, there, strict=True)]


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
    """Centre and axes (rows: to the right, up, to the viewer) of the view that shows most of the points.

    The axes are the principal ones, the longest to the right. The end of an axis with the longer tail points right or
    up, where there is none that of the first point; the third axis makes them right-handed: never a mirror image.
    """
    centre = points.mean(0)
    apart = points - centre
    _, vectors = torch.linalg.eigh(apart.mT @ apart)
    axes = vectors.mT.flip(0).clone()
    for k in (0, 1):
        along = apart @ axes[k]
        tail = along.pow(3).mean() / along.square().mean().clamp_min(1e-12).pow(1.5)
        if float(tail if tail.abs() > LOPSIDED else along[0]) < 0:
            axes[k] = -axes[k]
    axes[2] = torch.linalg.cross(axes[0], axes[1])
    return centre, axes


def projected(before: list[Point | None], after: list[Point | None]) -> tuple[list[Point | None], list[Point | None]]:
    """Both traces as the view of the first shows them: x to the right, y up, z towards the viewer, Å."""
    known = [point for point in before if point is not None]
    if not known:
        return before, after
    centre, axes = view_of(torch.tensor(known, dtype=torch.float64))

    def turned(points: list[Point | None]) -> list[Point | None]:
        there = [i for i, point in enumerate(points) if point is not None]
        result: list[Point | None] = [None] * len(points)
        if there:
            stack = torch.tensor([points[i] for i in there], dtype=torch.float64)
            for i, (x, y, z) in zip(there, ((stack - centre) @ axes.T).tolist(), strict=True):
                result[i] = (x, y, z)
        return result

    return turned(before), turned(after)
