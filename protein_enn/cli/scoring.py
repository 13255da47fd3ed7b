"""`score`: the likelihood of the sequences of structures."""

from __future__ import annotations

from enum import StrEnum
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
    from protein_enn.structure import Structure

SCORE_COLUMNS = (
    "name", "file", "residues", "scored", "mode", "orders", "log_likelihood", "standard_error", "perplexity",
    "recovery", "seed", "weights", "weights_sha256", "seconds", *AUDIT_COLUMNS, "error",
)  # fmt: skip
SCORE_SHOWN = (
    "name", "scored", "log_likelihood", "standard_error", "perplexity", "recovery", "seconds", "audit_severity",
    "error",
)  # fmt: skip


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
