"""Table and figure of a symmetry study: `study_figure.py STUDY.yaml OUT.md OUT.svg CELL.json...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from protein_enn.evaluation.symmetry.study import read_study
from protein_enn.evaluation.symmetry.table import FIGURES, curves, markdown
from protein_enn.io.atomic import write_text
from protein_enn.report.learning_curves import STYLE, learning_curves
from protein_enn.report.svg import alone


def main(arguments: list[str]) -> None:
    """Ends with one line and exit status 2 for what cannot be read."""
    try:
        path, table, picture, *files = arguments
        study = read_study(path)
        rows = [json.loads(Path(file).read_text()) for file in files]
        panels = {}
        for task in study.tasks:
            found = curves(study, rows, task)
            points = {way: [(p.share, p.value, p.spread) for p in line] for way, line in found.items()}
            if points:
                panels[task] = (FIGURES[task][1], points)
        if not panels:
            raise ValueError("no measured cell is given")
    except (ValueError, OSError, KeyError) as error:
        sys.exit(f"study_figure.py STUDY.yaml OUT.md OUT.svg CELL.json...: {error}")
    names = {key: way.name for key, way in study.ways.items()}
    where = {key: way.where for key, way in study.ways.items()}
    write_text(table, markdown(study, rows))
    write_text(picture, alone(learning_curves(panels, names, where), STYLE))


if __name__ == "__main__":
    main(sys.argv[1:])
