"""Measures one trained cell of a symmetry study: `study_measure.py STUDY.yaml CELL WEIGHTS DATA OUT.json`."""

from __future__ import annotations

import json
import sys

import torch

from protein_enn.evaluation.symmetry.measure import chains_of, figures, parameters, symmetries
from protein_enn.evaluation.symmetry.study import Cell, read_study
from protein_enn.io.atomic import write_text
from protein_enn.predictor import load_predictor


def main(arguments: list[str]) -> None:
    """Ends with one line and exit status 2 for what cannot be read."""
    try:
        path, name, weights, data, out = arguments
        study, cell = read_study(path), Cell.of(name)
        settings = study.tasks[cell.task].get("task_settings", {})
        predictor = load_predictor(weights, device="cpu")
        test = chains_of(data, study.test, study.chains)
        found = {
            **vars(cell),
            "where": study.ways[cell.way].where,
            "parameters": parameters(predictor),
            "weights_sha256": predictor.sha256,
            "val": figures(predictor, settings, chains_of(data, study.val, study.chains)),
            "test": figures(predictor, settings, test),
            "symmetry": symmetries(predictor, settings, test[: study.probes]),
        }
    except (ValueError, OSError, KeyError) as error:
        sys.exit(f"study_measure.py STUDY.yaml CELL WEIGHTS DATA OUT.json: {error}")
    write_text(out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
