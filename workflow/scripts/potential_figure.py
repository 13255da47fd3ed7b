"""Snakemake rule potential_study: the measured cells as one table in Markdown, one figure, and plain rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from protein_enn.evaluation.potential_study import (
    METRICS,
    SPLITS,
    Cell,
    PotentialStudy,
    Rows,
    curves,
    markdown,
    read_study,
    to_csv,
)
from protein_enn.report.learning_curves import STYLE, learning_curves
from protein_enn.report.svg import alone


def picture(study: PotentialStudy, rows: Rows) -> str:
    """A panel for each split that was measured."""
    metric, (heading, _) = next(iter(METRICS.items()))
    panels = {split: (heading, points) for split in SPLITS if (points := curves(study, rows, f"{metric}_{split}"))}
    names = {key: way.name for key, way in study.ways.items()}
    where = dict.fromkeys(study.ways, "architecture")
    return alone(learning_curves(panels, names, where, "training frames"), STYLE)


def read_cells(files: Sequence[str]) -> Rows:
    """The measurements of each cell, with its way, fraction and seed from the name of its folder."""
    rows = []
    for file in map(Path, files):
        cell = Cell.of("/".join(file.parts[-3:-1]))
        measured = json.loads(file.read_text(encoding="utf-8"))
        rows.append({"way": cell.way, "share": cell.share, "seed": cell.seed, **measured})
    return rows


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    plan, cells = read_study(snakemake.params.plan), read_cells(snakemake.input)
    Path(snakemake.output.table).write_text(markdown(plan, cells), encoding="utf-8")
    Path(snakemake.output.figure).write_text(picture(plan, cells), encoding="utf-8")
    Path(snakemake.output.cells).write_text(to_csv(cells), encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{len(cells)} cells\n", encoding="utf-8")
