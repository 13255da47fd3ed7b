"""Going on with a table that an earlier run of the same command began: `--skip-existing`."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from protein_enn.cli.options import Sharding
from protein_enn.cli.output import Row, json_text
from protein_enn.io.csv_text import FORMULA_STARTS

TEXTS = ("name", "file", "output", "error")
"""Columns that hold no numbers, though a file may be called 7 or nan."""


def earlier_rows(
    sharding: Sharding,
    table: Path | None,
    columns: Sequence[str],
    run: Mapping[str, Any],
    whole: Mapping[str, object] | None = None,
) -> list[Row]:
    """The rows that `--skip-existing` keeps: those of files all of whose rows are without an error.

    Parameters
    ----------
    sharding
        Whether it is asked for; if not, there are none.
    table
        Where the table is, as CSV. None yet: no rows.
    columns
        Those of this run.
    run
        What made the rows: what its sidecar says, or columns of the table.
    whole
        Options that write something from all files at once, which rows of an earlier run cannot give, and their values.

    Returns
    -------
    list of dict
        Numbers as numbers, empty cells as None.

    Raises
    ------
    typer.BadParameter
        There is no table to go on with, or it was made in another way.
    """
    if not sharding.skip_existing:
        return []
    if asked := [option for option, value in (whole or {}).items() if value]:
        raise typer.BadParameter(
            f"--skip-existing cannot be used with {asked[0]}, which needs the results of all files"
        )
    if table is None:
        raise typer.BadParameter("--skip-existing goes on with the table of an earlier run: name it by -o")
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = [{name: (_text if name in TEXTS else _value)(cell) for name, cell in row.items()} for row in reader]
    if tuple(reader.fieldnames or ()) != tuple(columns):
        raise typer.BadParameter(f"--skip-existing: {table} has other columns; write to another file")
    _check_run(table, rows, run)
    failed = {row["file"] for row in rows if row["error"]}
    return [row for row in rows if row["file"] not in failed]


def _check_run(table: Path, rows: Sequence[Row], run: Mapping[str, Any]) -> None:
    """typer.BadParameter where the sidecar or the rows tell of other options or weights than this run has."""
    from protein_enn.scoring.columns import sidecar

    wanted: Row = json.loads(json_text(dict(run)))
    places = [json.loads(sidecar(table).read_text(encoding="utf-8"))["run"]] if sidecar(table).exists() else rows
    for made in places:
        for name in wanted.keys() & made.keys():
            if made[name] != wanted[name]:
                was = f"{name} was {made[name]!r} and is {wanted[name]!r} now"
                raise typer.BadParameter(f"--skip-existing: {table} was made with other options ({was})")


def _value(cell: str) -> Any:
    """What a cell was before it was written."""
    for kind in (int, float):
        try:
            if str(value := kind(cell)) == cell and math.isfinite(value):
                return value
        except ValueError:
            pass
    return _text(cell)


def _text(cell: str) -> str | None:
    if len(cell) > 2 and cell[0] == "'" and cell[1] in FORMULA_STARTS:
        return cell[1:]
    return cell or None
