"""`scan`: every single mutation of structures."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Item, Row, by_input, failure, items, run
from protein_enn.cli.options import (
    Device,
    DeviceOption,
    Inputs,
    Json,
    Reading,
    Table,
    Threads,
    Weights,
    predictor_for,
)
from protein_enn.cli.output import deliver

if TYPE_CHECKING:
    from protein_enn.structure import Structure

MUTATION = ("chain", "number", "icode", "wt", "mutant", "score")
SCAN_COLUMNS = (
    "name", "file", *MUTATION, "context_free", "weights", "weights_sha256", *AUDIT_COLUMNS, "error",
)  # fmt: skip
SCAN_SHOWN = ("name", *MUTATION, "audit_severity", "error")
BEST = 10
"""Mutations of a scan that are shown for each file."""


def scan(
    inputs: Inputs,
    reading: Reading,
    output: Table = None,
    context_free: Annotated[
        bool, typer.Option("--context-free", help="Subtract the log-odds seen from the backbone alone.")
    ] = False,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Score every single mutation: log-odds over the residue that is there, higher is better. Shows the best ones."""
    from protein_enn.scoring import scan as scan_structure

    predictor = predictor_for("design", weights, device, threads)
    source = {"context_free": context_free, "weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item, structure: Structure) -> list[Row]:
        result = scan_structure(structure, predictor=predictor, context_free=context_free)
        where = {"name": item.name, "file": item.path, **source, "error": None}
        return [{**where, **row} for row in result.rows()]

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), **source}

    rows = run(items(inputs, writes=[output]), reading, work, failed)
    best = [
        row
        for _, group in groupby(rows, lambda row: row["name"])
        for row in sorted(group, key=lambda row: -row.get("score", 0.0))[:BEST]
    ]
    answer = by_input(rows, "mutations", MUTATION)
    deliver(rows, SCAN_COLUMNS, output, as_json, shown=best, shown_columns=SCAN_SHOWN, answer=answer)
