"""The meaning of every column of the tables of scores, and the sidecar of a table that explains its columns.

A table is nothing without this. So a command that writes `ranking.csv` writes the sidecar `ranking.columns.json`: what
was run, and for each column its unit, which way is better, and a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from protein_enn.predictor import Predictor
from protein_enn.scoring.designs import Design
from protein_enn.scoring.ensemble import EnsembleScore
from protein_enn.scoring.interface import InterfaceScore
from protein_enn.scoring.likelihood import DesignScore
from protein_enn.scoring.multimutants import MutantScores
from protein_enn.scoring.mutations import MutationScan
from protein_enn.scoring.result import COLUMNS, HIGHER, LOWER, Column, Provenance, Result
from protein_enn.version import __version__

__all__ = ["COLUMNS", "HIGHER", "LOWER", "RESULTS", "Column", "description", "run_of", "sidecar"]

RESULTS: dict[str, type[Result]] = {
    kind.kind: kind for kind in (DesignScore, EnsembleScore, InterfaceScore, MutationScan, MutantScores, Design)
}
"""The kinds of results, by the name of their records."""


def run_of(command: str, predictor: Predictor, **options: Any) -> dict[str, Any]:
    """What made a table, the same on every machine: command, package version, weights and the options that matter."""
    return {
        "command": command,
        "package": "protein_enn",
        "version": __version__,
        **Provenance.of(predictor).row(),
        **({} if predictor.language is None else {"language_model": predictor.language.identity}),
        **options,
    }


def description(columns: Iterable[str], run: dict[str, Any]) -> dict[str, Any]:
    """The meaning of these columns, in their order, and the run (`run_of`) that filled them; ready for JSON.

    KeyError names a column that `COLUMNS` does not explain.
    """
    return {"run": run, "columns": {name: asdict(COLUMNS[name]) for name in columns}}


def sidecar(table: Path) -> Path:
    """The file that describes a table: `NAME.columns.json` for `NAME.csv`, `NAME.json.columns.json` for JSON.

    So a table and its JSON records may have one name.
    """
    name = table.name if table.suffix == ".json" else table.stem
    return table.with_name(f"{name}.columns.json")
