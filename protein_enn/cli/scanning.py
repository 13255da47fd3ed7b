"""`scan`: every single mutation of structures, or the mutants that are named."""

from __future__ import annotations

import csv
from enum import StrEnum
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Item, Row, by_input, explain, failure, items, run
from protein_enn.cli.options import (
    Device,
    DeviceOption,
    Inputs,
    Json,
    Reading,
    Seed,
    Table,
    Threads,
    Weights,
    predictor_for,
)
from protein_enn.cli.output import deliver

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.structure import Structure

PLACE = ("chain", "number", "icode", "wt")
MUTATION = (*PLACE, "mutant", "score", "ddg_like")
MATRIX = (*PLACE, *"ACDEFGHIKLMNPQRSTVWY")
MUTANT = ("mutations", "score", "ddg_like", "additive", "interaction", "orders", "seed")
SOURCE = ("name", "file")
RUN = ("estimator", "calibration", "weights", "weights_sha256", *AUDIT_COLUMNS, "error")
SCAN_COLUMNS = (*SOURCE, *MUTATION, *RUN)
SCAN_SHOWN = ("name", *MUTATION, "audit_severity", "error")
MATRIX_COLUMNS = (*SOURCE, *MATRIX, *RUN)
MATRIX_SHOWN = ("name", *MATRIX, "error")
MUTANT_COLUMNS = (*SOURCE, *MUTANT, *RUN)
MUTANT_SHOWN = ("name", *MUTANT[:5], "audit_severity", "error")
BEST = 10
"""Mutations of a scan that are shown for each file."""


class Estimator(StrEnum):
    """What is subtracted from what: see `protein_enn.scoring.mutations`."""

    ddg_like = "ddg_like"
    single = "single"
    isolated = "isolated"
    unconditional = "unconditional"


def scan(
    inputs: Inputs,
    reading: Reading,
    output: Table = None,
    mutation: Annotated[
        list[str] | None,
        typer.Option(help="Score this mutant alone, as in A:H18A or, of several at once, A:H18A,A:T5S. Repeatable."),
    ] = None,
    mutants: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Score the mutants in the column `mutations` of this CSV file."),
    ] = None,
    estimator: Annotated[
        Estimator,
        typer.Option(
            help="ddg_like: given all other residues, less the residue's own backbone alone; isolated: less that "
            "without even its bonds; single: nothing subtracted; unconditional: given the backbone alone."
        ),
    ] = Estimator.ddg_like,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="A row for each residue with a column for each amino acid.")
    ] = False,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Score every single mutation, or named mutants of one or more: log-odds over the residues that are there.

    `score` is in nats, higher is better; `ddg_like` is -ddG in kcal/mol, positive where a mutation stabilises, where
    the weights are calibrated. Of a whole scan the best mutations are shown, all are written.
    """
    from protein_enn.scoring.columns import run_of

    named = [*(mutation or []), *(_listed(mutants) if mutants is not None else [])]
    if named and matrix:
        raise typer.BadParameter("--matrix is of a whole scan: leave out --mutation and --mutants")
    predictor = predictor_for("design", weights, device, threads)
    run_columns = {"estimator": estimator.value, "weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item, structure: Structure) -> list[Row]:
        where = {"name": item.name, "file": item.path, **run_columns, "error": None}
        if named:
            found = _named(structure, named, predictor, estimator.value, seed)
        else:
            found = _all(structure, predictor, estimator.value, matrix)
        return [{**where, **row} for row in found]

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), **run_columns}

    rows = run(items(inputs, writes=[output]), reading, work, failed)
    made = run_of("scan", predictor, estimator=estimator.value, **({"seed": seed} if named else {}))
    finish = partial(deliver, rows, output=output, as_json=as_json, run=made)
    if named:
        finish(MUTANT_COLUMNS, shown_columns=MUTANT_SHOWN)
    elif matrix:
        finish(MATRIX_COLUMNS, shown_columns=MATRIX_SHOWN, answer=by_input(rows, "scores", MATRIX))
    else:
        answer = by_input(rows, "mutations", MUTATION)
        finish(SCAN_COLUMNS, shown=_best(rows), shown_columns=SCAN_SHOWN, answer=answer)


def _all(structure: Structure, predictor: Predictor, estimator: str, matrix: bool) -> list[Row]:
    """Every single mutation: a row each, or one for each residue."""
    from protein_enn.scoring import scan as scan_structure

    result = scan_structure(structure, predictor=predictor, estimator=estimator)
    return [{**row, "calibration": result.calibration} for row in (result.matrix() if matrix else result.rows())]


def _named(structure: Structure, named: list[str], predictor: Predictor, estimator: str, seed: int) -> list[Row]:
    """A row for each mutant in its place; one that cannot be scored has its error, and the others go on."""
    from protein_enn.scoring import score_mutants
    from protein_enn.scoring.substitutions import parse_mutant, places, residue_index

    rows: list[dict[str, Any]] = [{"mutations": text, "seed": seed} for text in named]
    index = residue_index(structure)
    good = []
    for row in rows:
        try:
            mutant = parse_mutant(row["mutations"])
            places(structure, mutant, index)
            good.append((row, mutant))
        except ValueError as error:
            row["error"] = explain(error)
    if good:
        wanted = [mutant for _, mutant in good]
        result = score_mutants(structure, wanted, predictor=predictor, estimator=estimator, seed=seed)
        for (row, _), found in zip(good, result.rows(), strict=True):
            row.update(found, calibration=result.calibration)
    return rows


def _listed(path: Path) -> list[str]:
    """The column `mutations` of a CSV file; typer.BadParameter if there is none, or nothing in it."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if "mutations" not in (reader.fieldnames or ()):
            raise typer.BadParameter(
                f"{path} has no column `mutations`: one mutant a line, such as A:H18A or A:H18A;B:T5S"
            )
        found = [text for row in reader if (text := (row["mutations"] or "").strip())]
    if not found:
        raise typer.BadParameter(f"{path} names no mutant in its column `mutations`")
    return found


def _best(rows: list[Row]) -> list[Row]:
    """The best mutations of each structure, and what failed."""
    return [
        row
        for _, group in groupby(rows, lambda row: row["name"])
        for row in sorted(group, key=lambda row: -row.get("score", 0.0))[:BEST]
    ]
