"""Measured cells of a study as curves for a plot and as Markdown tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from protein_enn.evaluation.equivariance.study.settings import METRICS, Study
from protein_enn.evaluation.markdown import format_number, markdown_table

Cells = Sequence[dict[str, Any]]
"""What `study_measure.py` wrote for each cell."""


@dataclass(frozen=True)
class Point:
    """A way at one fraction (`share`) of the training clusters: mean over seeds and, of several, half their range."""

    share: float
    value: float
    spread: float
    seeds: int


def metric_of(task: str, measured: dict[str, float], of: str = "") -> float:
    """A task's own metric.

    Parameters
    ----------
    task
        Its name.
    measured
        What `evaluate_chains` returned.
    of
        ``""`` for the proteins, ``"mirror"`` or ``"reflected"`` for images.

    Examples
    --------
    >>> metric_of("design", {"loss": 2.5, "mirror_loss": 3.5}, "mirror")
    3.5
    """
    start = f"{of}_" if of else ""
    if task == "refinement":
        return 100 * (measured[f"{start}lddt_after"] - measured[f"{start}lddt_before"])
    return measured[f"{start}{METRICS[task][0]}"]


def curves(study: Study, rows: Cells, task: str, split: str = "test") -> dict[str, list[Point]]:
    """Learning curves of a task.

    Parameters
    ----------
    study, rows
        The plan, and the measured cells.
    task
        Its name.
    split
        ``"val"`` or ``"test"``.

    Returns
    -------
    dict
        By way, points in the order of their fractions; ways that were not measured are left out.
    """
    lines: dict[str, list[Point]] = {}
    for way in study.ways:
        for share in study.shares:
            cells = _cells(rows, task, way, share)
            if cells:
                values = [metric_of(task, row[split]) for row in cells]
                spread = (max(values) - min(values)) / 2
                lines.setdefault(way, []).append(Point(share, fmean(values), spread, len(values)))
    return lines


def markdown(study: Study, rows: Cells) -> str:
    """A table for each task: a line for each way, metrics by fraction of the clusters, symmetries at the largest.

    2.544(1): the mean of several seeds, and half their range in units of the last digit.
    """
    return "\n\n".join(part for task in study.tasks if (part := _of_task(study, rows, task))) + "\n"


def to_csv(rows: Cells) -> str:
    """CSV with a line for each cell: task, way, share and seed, then metrics as `val.loss`, `symmetry.mirror_error`."""
    records = [
        {k: v for k, v in row.items() if not isinstance(v, dict)}
        | {f"{part}.{k}": f"{v:.6g}" for part in ("val", "test", "symmetry") for k, v in row[part].items()}
        for row in rows
    ]
    text = io.StringIO(newline="")
    columns = dict.fromkeys(key for record in records for key in record)
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def from_csv(text: str) -> Cells:
    """The cells of a table that `to_csv` made."""
    rows = []
    for line in csv.DictReader(io.StringIO(text, newline="")):
        row: dict[str, Any] = {}
        for key, value in line.items():
            part, _, name = key.rpartition(".")
            if value and part:
                row.setdefault(part, {})[name] = float(value)
            elif value:
                row[key] = {"share": float, "seed": int, "parameters": int}.get(key, str)(value)
        rows.append(row)
    return rows


def _of_task(study: Study, rows: Cells, task: str) -> str:
    points = curves(study, rows, task)
    if not points:
        return ""
    shares = sorted({p.share for line in points.values() for p in line})
    last = shares[-1]
    val = {way: line[-1] for way, line in curves(study, rows, task, "val").items()}
    lines = []
    for way, line in points.items():
        by_share = {p.share: p for p in line}
        values = [_value(by_share.get(share)) for share in shares]
        at_val = val[way] if val[way].share == last else None
        symmetries = _symmetries(task, _cells(rows, task, way, last))
        lines.append([study.ways[way].name, *values, _value(at_val), *symmetries])
    headings = ["way", *(f"{100 * share:g} %" for share in shares), f"`val`, {100 * last:g} %", *_headings(task)]
    return f"### {task}: {METRICS[task][1]}\n\n{markdown_table(headings, lines)}"


def _headings(task: str) -> list[str]:
    change = "rotated / % types" if task == "design" else "rotated / Å"
    return ["rotation error", change, "mirror error", "mirror image", "mirrored file", "C3 / %"]


def _symmetries(task: str, cells: Cells) -> list[str]:
    def mean(name: str) -> float | None:
        return fmean(row["symmetry"][name] for row in cells) if cells else None

    def image(of: str) -> float | None:
        return fmean(metric_of(task, row["test"], of) for row in cells) if cells else None

    deviation = fmean(r["symmetry"]["assembly_change"] / r["symmetry"]["assembly_size"] for r in cells) if cells else 0
    return [
        format_number(mean("rotation_error"), ".0e"),
        format_number(mean("rotation_change"), "%" if task == "design" else ".2g"),
        format_number(mean("mirror_error"), ".0e"),
        format_number(image("mirror"), ".3f"),
        format_number(image("reflected"), ".3f"),
        format_number(100 * deviation if cells else None, ".2g"),
    ]


def _cells(rows: Cells, task: str, way: str, share: float) -> Cells:
    return [r for r in rows if (r["task"], r["way"]) == (task, way) and abs(r["share"] - share) < 1e-9]


def _value(point: Point | None) -> str:
    if point is None:
        return format_number(None, "")
    return f"{point.value:.3f}" + (f"({1000 * point.spread:.0f})" if point.seeds > 1 else "")
