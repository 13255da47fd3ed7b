"""Snakemake rule symmetry_study: the measured cells of a study as one table in Markdown, one figure, and plain rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from protein_enn.evaluation.equivariance.study.settings import METRICS, Study, read_study
from protein_enn.evaluation.equivariance.study.table import Cells, curves, from_csv, markdown, to_csv
from protein_enn.report.learning_curves import STYLE, learning_curves
from protein_enn.report.svg import alone


def picture(study: Study, rows: Cells) -> str:
    """A panel for each task that was measured."""
    panels = {}
    for task in study.tasks:
        points = {way: [(p.share, p.value, p.spread) for p in line] for way, line in curves(study, rows, task).items()}
        if points:
            panels[task] = (METRICS[task][1], points)
    names = {key: way.name for key, way in study.ways.items()}
    where = {key: way.where for key, way in study.ways.items()}
    return alone(learning_curves(panels, names, where), STYLE)


def read_cells(files: Sequence[str]) -> Cells:
    """The measurements of each cell."""
    return [json.loads(Path(file).read_text(encoding="utf-8")) for file in files]


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    plan, cells = read_study(snakemake.params.plan), to_csv(read_cells(snakemake.input))
    rows = from_csv(cells)  # with the written digits: table and figure can be made from the rows again
    Path(snakemake.output.table).write_text(markdown(plan, rows), encoding="utf-8")
    Path(snakemake.output.figure).write_text(picture(plan, rows), encoding="utf-8")
    Path(snakemake.output.cells).write_text(cells, encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{len(rows)} cells\n", encoding="utf-8")
