"""`score`, `scan`, `design`: what a design predictor says of the sequences of structures."""

from __future__ import annotations

from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Item, Row, failure, items, run
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
from protein_enn.cli.output import deliver, write_json

if TYPE_CHECKING:
    from protein_enn.scoring import Design
    from protein_enn.structure import Structure

SCORE_COLUMNS = (
    "name", "file", "residues", "scored", "mode", "orders", "log_likelihood", "standard_error", "perplexity",
    "recovery", "seed", "weights", "weights_sha256", "seconds", *AUDIT_COLUMNS, "error",
)  # fmt: skip
MUTATION = ("chain", "number", "icode", "wt", "mutant", "score")
SCAN_COLUMNS = (
    "name", "file", *MUTATION, "context_free", "weights", "weights_sha256", *AUDIT_COLUMNS, "error",
)  # fmt: skip
SAMPLE = ("sample", "sequence", "designed", "log_likelihood", "recovery")
DESIGN_COLUMNS = (
    "name", "file", *SAMPLE, "temperature", "seed", "weights", "weights_sha256", *AUDIT_COLUMNS, "error",
)  # fmt: skip
SCORE_SHOWN = (
    "name", "scored", "log_likelihood", "standard_error", "perplexity", "recovery", "seconds", "audit_severity",
    "error",
)  # fmt: skip
SCAN_SHOWN = ("name", *MUTATION, "audit_severity", "error")
DESIGN_SHOWN = ("name", "sample", "sequence", "log_likelihood", "recovery", "audit_severity", "error")
BEST = 10
"""Mutations of a scan that are shown for each file."""


class Mode(StrEnum):
    """What a residue sees of the sequence when it is scored."""

    conditional = "conditional"
    single = "single"
    unconditional = "unconditional"


def score(
    inputs: Inputs,
    reading: Reading,
    output: Table = None,
    records: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write the per-residue records to this file (NAME.scores.json).")
    ] = None,
    mode: Annotated[Mode, typer.Option(help="What a residue sees of the sequence.")] = Mode.conditional,
    orders: Annotated[int, typer.Option(min=1, help="Decoding orders averaged in conditional mode.")] = 8,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Log-likelihood of each structure's sequence given its backbone: nats per residue, higher is better."""
    from protein_enn.scoring import score as score_structure

    predictor = predictor_for("design", weights, device, threads)
    source = {"seed": seed, "weights": predictor.name, "weights_sha256": predictor.sha256}
    residues: dict[str, Row] = {}

    def work(item: Item, structure: Structure) -> list[Row]:
        result = score_structure(structure, predictor=predictor, mode=mode.value, orders=orders, seed=seed)
        residues[item.name] = result.record()["per_residue"]
        return [{**result.row(), "name": item.name, "file": item.path}]

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), "mode": mode.value, **source}

    rows = run(items(inputs, writes=[output, records]), reading, work, failed)
    if records is not None:
        write_json(records, [{"kind": "score", **row, "per_residue": residues.get(row["name"], {})} for row in rows])
    deliver(rows, SCORE_COLUMNS, output, as_json, shown_columns=SCORE_SHOWN)


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


def design(
    inputs: Inputs,
    reading: Reading,
    output: Table = None,
    samples: Annotated[int, typer.Option(min=1, help="Sequences for each backbone.")] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 takes the most probable residue at each step.")] = 0.1,
    fixed: Annotated[list[str] | None, typer.Option(help="A residue to keep, such as A:52B; may be repeated.")] = None,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Sample new sequences for backbones; chains are separated by / in the sequence."""
    from protein_enn.scoring import design as design_structure

    predictor = predictor_for("design", weights, device, threads)
    source = {"temperature": temperature, "seed": seed, "weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item, structure: Structure) -> list[Row]:
        found = design_structure(
            structure, predictor=predictor, temperature=temperature, seed=seed, samples=samples, fixed=fixed or ()
        )
        where = {"name": item.name, "file": item.path, **source, "error": None}
        return [{**where, "sample": i, **design_row(structure, one)} for i, one in enumerate(found, 1)]

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), **source}

    rows = run(items(inputs, writes=[output]), reading, work, failed)
    answer = by_input(rows, "designs", SAMPLE)
    deliver(rows, DESIGN_COLUMNS, output, as_json, shown_columns=DESIGN_SHOWN, answer=answer)


def design_row(structure: Structure, sampled: Design) -> Row:
    """Sequence, chain by chain, and the figures of one sample."""
    letters = zip(structure.chains.tolist(), sampled.sequence, strict=True)
    chains = ["".join(letter for _, letter in group) for _, group in groupby(letters, lambda pair: pair[0])]
    return {
        "sequence": "/".join(chains),
        "designed": sampled.designed,
        "log_likelihood": sampled.log_likelihood,
        "recovery": sampled.recovery,
    }


def by_input(rows: list[Row], name: str, columns: tuple[str, ...]) -> list[Row]:
    """For JSON: one object for each structure, with its audit, and these columns of its rows in a list `name`."""
    answer = []
    for _, group in groupby(rows, lambda row: row["name"]):
        members = list(group)
        of_input = {key: value for key, value in members[0].items() if key not in columns}
        parts = [{key: row[key] for key in columns} for row in members if not row.get("error")]
        answer.append({**of_input, name: parts})
    return answer
