"""`score`, `scan`, `design`: what a design predictor says of the sequences of structures."""

from __future__ import annotations

from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.batch import Item, Row, items, run
from protein_enn.cli.options import Device, DeviceOption, Inputs, Json, Seed, Table, Threads, Weights, predictor_for
from protein_enn.cli.output import finish, show_json, show_rows, write_json, write_rows

if TYPE_CHECKING:
    from protein_enn.scoring import Design
    from protein_enn.structure import Structure

SCORE_COLUMNS = (
    "name", "file", "residues", "scored", "mode", "orders", "log_likelihood", "standard_error", "perplexity",
    "recovery", "seed", "weights", "weights_sha256", "seconds", "error",
)  # fmt: skip
SCAN_COLUMNS = (
    "name", "file", "chain", "number", "icode", "wt", "mutant", "score", "context_free", "weights", "weights_sha256",
    "error",
)  # fmt: skip
DESIGN_COLUMNS = (
    "name", "file", "sample", "sequence", "designed", "log_likelihood", "recovery", "temperature", "seed", "weights",
    "weights_sha256", "error",
)  # fmt: skip
SCORE_SHOWN = (
    "name", "scored", "log_likelihood", "standard_error", "perplexity", "recovery", "seconds", "error",
)  # fmt: skip
SCAN_SHOWN = ("name", "chain", "number", "icode", "wt", "mutant", "score", "error")
DESIGN_SHOWN = ("name", "sample", "sequence", "log_likelihood", "recovery", "error")
BEST = 10
"""Mutations of a scan that are shown for each file."""


class Mode(StrEnum):
    """What a residue sees of the sequence when it is scored."""

    conditional = "conditional"
    single = "single"
    unconditional = "unconditional"


def score(
    inputs: Inputs,
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
    from protein_enn.io import read_structure
    from protein_enn.scoring import score as score_structure

    predictor = predictor_for("design", weights, device, threads)
    source = {"seed": seed, "weights": predictor.name, "weights_sha256": predictor.sha256}
    written: list[Row] = []

    def work(item: Item) -> list[Row]:
        structure = read_structure(item.path)
        result = score_structure(structure, predictor=predictor, mode=mode.value, orders=orders, seed=seed)
        where = {"name": item.name, "file": str(item.path)}
        written.append({**result.record(), **where})
        return [{**result.row(), **where}]

    def failed(item: Item, error: str) -> Row:
        row = {"name": item.name, "file": str(item.path), "mode": mode.value, **source, "error": error}
        written.append({"kind": "score", **row})
        return row

    rows = run(items(inputs), work, failed)
    if records is not None:
        write_json(records, written)
    _deliver(rows, SCORE_COLUMNS, output, as_json, SCORE_SHOWN)


def scan(
    inputs: Inputs,
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
    from protein_enn.io import read_structure
    from protein_enn.scoring import scan as scan_structure

    predictor = predictor_for("design", weights, device, threads)
    source = {"context_free": context_free, "weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item) -> list[Row]:
        result = scan_structure(read_structure(item.path), predictor=predictor, context_free=context_free)
        where = {"name": item.name, "file": str(item.path), **source, "error": None}
        return [{**where, **row} for row in result.rows()]

    def failed(item: Item, error: str) -> Row:
        return {"name": item.name, "file": str(item.path), **source, "error": error}

    rows = run(items(inputs), work, failed)
    shown = [
        row
        for _, group in groupby(rows, lambda row: row["file"])
        for row in sorted(group, key=lambda row: -row.get("score", 0.0))[:BEST]
    ]
    _deliver(rows, SCAN_COLUMNS, output, as_json, SCAN_SHOWN, shown)


def design(
    inputs: Inputs,
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
    from protein_enn.io import read_structure
    from protein_enn.scoring import design as design_structure

    predictor = predictor_for("design", weights, device, threads)
    source = {"temperature": temperature, "seed": seed, "weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item) -> list[Row]:
        structure = read_structure(item.path)
        found = design_structure(
            structure, predictor=predictor, temperature=temperature, seed=seed, samples=samples, fixed=fixed or ()
        )
        where = {"name": item.name, "file": str(item.path), **source, "error": None}
        return [{**where, "sample": i, **design_row(structure, one)} for i, one in enumerate(found, 1)]

    def failed(item: Item, error: str) -> Row:
        return {"name": item.name, "file": str(item.path), **source, "error": error}

    rows = run(items(inputs), work, failed)
    _deliver(rows, DESIGN_COLUMNS, output, as_json, DESIGN_SHOWN)


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


def _deliver(
    rows: list[Row],
    columns: tuple[str, ...],
    output: Path | None,
    as_json: bool,
    shown_columns: tuple[str, ...],
    shown_rows: list[Row] | None = None,
) -> None:
    if output is not None:
        write_rows(output, rows, columns)
    if as_json:
        show_json(rows)
    else:
        show_rows(rows if shown_rows is None else shown_rows, shown_columns)
    finish(rows)
