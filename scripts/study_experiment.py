"""Writes the experiment of one cell of a symmetry study: `study_experiment.py STUDY.yaml TASK/WAY/SHARE_SEED OUT.yaml`."""

from __future__ import annotations

import sys

import yaml

from protein_enn.evaluation.symmetry.study import Cell, experiment_of, read_study
from protein_enn.io.atomic import write_text


def main(arguments: list[str]) -> None:
    """Ends with one line and exit status 2 for a study or a cell that cannot be read."""
    try:
        path, cell, out = arguments
        study = read_study(path)
        write_text(out, yaml.safe_dump(experiment_of(study, Cell.of(cell)), sort_keys=False))
    except (ValueError, KeyError) as error:
        sys.exit(f"study_experiment.py STUDY.yaml TASK/WAY/SHARE_SEED OUT.yaml: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
