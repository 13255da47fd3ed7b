"""Measured cells of a study as curves for a figure and as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from protein_enn.evaluation.symmetry.study import Study

FIGURES = {
    "design": ("loss", "nats per residue (lower is better)"),
    "displacement": ("loss", "error of the displacement / Å (lower is better)"),
    "refinement": ("gain", "gain of lDDT (higher is better)"),
}
"""Of each task: the name of its own figure, and what it is."""


@dataclass(frozen=True)
class Point:
    """A way at one share of the training clusters: mean over seeds and, of several, half their range."""

    share: float
    value: float
    spread: float
    seeds: int


def figure_of(task: str, found: dict[str, float], mirror: bool = False) -> float:
    """A task's own figure among what was measured, of the proteins or of their mirror images."""
    start = "mirror_" if mirror else ""
    if task == "refinement":
        return found[f"{start}lddt_after"] - found[f"{start}lddt_before"]
    return found[f"{start}{FIGURES[task][0]}"]


def curves(study: Study, rows: Sequence[dict[str, Any]], task: str, split: str = "test") -> dict[str, list[Point]]:
    """By way: points in the order of their shares; ways that were not measured are left out."""
    found: dict[str, list[Point]] = {}
    for way in study.ways:
        for share in study.shares:
            cells = _cells(rows, task, way, share)
            if cells:
                values = [figure_of(task, row[split]) for row in cells]
                spread = (max(values) - min(values)) / 2
                found.setdefault(way, []).append(Point(share, fmean(values), spread, len(values)))
    return found


def markdown(study: Study, rows: Sequence[dict[str, Any]]) -> str:
    """A table for each task: a line a way, its figures by share of the clusters, and its symmetries at the largest."""
    parts = []
    for task in study.tasks:
        points = curves(study, rows, task)
        if not points:
            continue
        shares = sorted({p.share for line in points.values() for p in line})
        heads = [f"{100 * share:g} %" for share in shares]
        lines = []
        for way, line in points.items():
            by_share = {p.share: p for p in line}
            cells = [_value(by_share.get(share)) for share in shares]
            lines.append([study.ways[way].name, *cells, *_symmetries(rows, task, way, shares[-1])])
        headings = ["way", *heads, *_headings(task)]
        name, meaning = task, FIGURES[task][1]
        parts.append(f"### {name}: {meaning}, `test`\n\n{_table(headings, lines)}")
    return "\n\n".join(parts) + "\n"


def _headings(task: str) -> list[str]:
    change = "types changed by a rotation" if task == "design" else "change by a rotation / Å"
    return ["rotation error", change, "mirror error", "figure of mirror images", "C3 deviation", "parameters"]


def _symmetries(rows: Sequence[dict[str, Any]], task: str, way: str, share: float) -> list[str]:
    cells = _cells(rows, task, way, share)
    if not cells:
        return ["–"] * 6

    def mean(name: str) -> float:
        return fmean(row["symmetry"][name] for row in cells)

    change = f"{100 * mean('rotation_change'):.1f} %" if task == "design" else f"{mean('rotation_change'):.2g}"
    mirrored = fmean(figure_of(task, row["test"], mirror=True) for row in cells)
    deviation = mean("assembly_change") / mean("assembly_size")
    return [
        f"{mean('rotation_error'):.0e}", change, f"{mean('mirror_error'):.0e}", f"{mirrored:.3f}", f"{deviation:.0e}",
        f"{cells[0]['parameters']:,d}",
    ]  # fmt: skip


def _cells(rows: Sequence[dict[str, Any]], task: str, way: str, share: float) -> list[dict[str, Any]]:
    return [r for r in rows if (r["task"], r["way"]) == (task, way) and abs(r["share"] - share) < 1e-9]


def _value(point: Point | None) -> str:
    if point is None:
        return "–"
    return f"{point.value:.3f}" + (f" ± {point.spread:.3f}" if point.seeds > 1 else "")


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, ["---"] * len(headings), *rows])
