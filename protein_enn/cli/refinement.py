"""`refine`: better coordinates for many files, each with a record of what moved and why, and one table."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Item, Row, failure, items, overwrites, run
from protein_enn.cli.options import Device, DeviceOption, Inputs, Json, Reading, Seed, Threads, Weights, predictor_for
from protein_enn.cli.output import deliver, json_text

if TYPE_CHECKING:
    from protein_enn.refinement import Refinement
    from protein_enn.structure import Structure

COLUMNS = (
    "name", "file", "output", "residues", "moved", "kept", "reverted", "mean_displacement", "confidence_before",
    "confidence_after", "clashes_before", "clashes_after", "seconds", "weights", "weights_sha256", *AUDIT_COLUMNS,
    "error",
)  # fmt: skip
SHOWN = (
    "name", "residues", "moved", "kept", "reverted", "confidence_before", "confidence_after", "clashes_before",
    "clashes_after", "seconds", "audit_severity", "error",
)  # fmt: skip
FORMAT_SUFFIX = {"pdb": ".pdb", "mmcif": ".cif", "bcif": ".bcif"}


def refine(
    inputs: Inputs,
    reading: Reading,
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder for everything made.")],
    steps: Annotated[int, typer.Option(min=0, help="Iterations of the network; 0 keeps the input.")] = 3,
    confidence_in_b: Annotated[
        bool, typer.Option("--confidence-in-b", help="Write 100 x the predicted lDDT where B factors are.")
    ] = False,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Refine models: DIR/NAME.<format>, DIR/NAME.refinement.json for each file, and DIR/refine.csv."""
    from protein_enn.io import atomic
    from protein_enn.refinement import refine as refine_structure

    batch = items(inputs)
    targets = [output / f"{i.name}{s}{gz}" for i in batch for s in FORMAT_SUFFIX.values() for gz in ("", ".gz")]
    if reading.all_models and output.is_dir():
        targets += output.glob("*_model*")
    if replaced := overwrites(batch, targets):
        raise typer.BadParameter(f"-o {output}: the input {replaced} could be overwritten; choose another folder")
    predictor = predictor_for("refinement", weights, device, threads)
    source = {"weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item, structure: Structure) -> list[Row]:
        if structure.audit.models > 1 and (reading.all_models or reading.model > 1):
            # In a copy of the document the other models would stand as they were, and readers would take the first.
            structure = replace(structure, source=None)
        refinement = refine_structure(structure, predictor=predictor, steps=steps, seed=seed)
        target = output / f"{item.name}{output_suffix(structure, reading, item.path)}"
        output.mkdir(parents=True, exist_ok=True)
        refinement.write(target, confidence_in_b=confidence_in_b)
        record = {**refinement.record(target.name), "name": item.name, "input": item.path}
        atomic.write_text(output / f"{item.name}.refinement.json", json_text(record) + "\n")
        return [{**row_of(refinement, record), **source, "file": item.path, "output": str(target)}]

    def failed(item: Item, error: str) -> Row:
        # A record of an earlier run under this name would contradict the table.
        with suppress(OSError):  # a name too long for a file has no record
            (output / f"{item.name}.refinement.json").unlink(missing_ok=True)
        return {**failure(item, error), **source}

    rows = run(batch, reading, work, failed)
    deliver(rows, COLUMNS, output / "refine.csv", as_json, shown_columns=SHOWN)


def output_suffix(structure: Structure, reading: Reading, path: str) -> str:
    """Suffix of the format that was read (whatever the file was called), compressed if the input was.

    An assembly is written as mmCIF: its chains have longer names than PDB files can hold.
    """
    kind = "mmcif" if reading.assembly is not None else structure.audit.format
    return FORMAT_SUFFIX[kind] + (".gz" if path.lower().endswith(".gz") else "")


def row_of(refinement: Refinement, record: dict[str, Any]) -> Row:
    """One row of refine.csv: means over the residues for which a number is defined."""
    columns = record["per_residue"]

    def mean(name: str) -> float | None:
        values = [value for value in columns[name] if value is not None]
        return fmean(values) if values else None

    return {
        "name": record["name"],
        "residues": record["residues"],
        **{status: refinement.status.count(status) for status in ("moved", "kept", "reverted")},
        "mean_displacement": mean("displacement"),
        "confidence_before": mean("confidence_before"),
        "confidence_after": mean("confidence_after"),
        "clashes_before": record["geometry_before"]["clashes"],
        "clashes_after": record["geometry_after"]["clashes"],
        "seconds": record["seconds"],
        "error": None,
    }
