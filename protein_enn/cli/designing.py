"""`design`: new sequences for the backbones of structures."""

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
    Seed,
    Table,
    Threads,
    Weights,
    predictor_for,
)
from protein_enn.cli.output import deliver

if TYPE_CHECKING:
    from protein_enn.scoring import Design
    from protein_enn.structure import Structure

SAMPLE = ("sample", "sequence", "designed", "log_likelihood", "recovery")
DESIGN_COLUMNS = (
    "name", "file", *SAMPLE, "temperature", "seed", "weights", "weights_sha256", *AUDIT_COLUMNS, "error",
)  # fmt: skip
DESIGN_SHOWN = ("name", "sample", "sequence", "log_likelihood", "recovery", "audit_severity", "error")


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
