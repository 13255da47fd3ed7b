"""`refine`: better coordinates for many files, each with a record of what moved and why, and one table."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Row, failure, in_shard, items, overwrites, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.folders import Force, check_free
from protein_enn.cli.options import (
    Device,
    DeviceOption,
    Inputs,
    Json,
    Reading,
    Seconds,
    Sharding,
    Threads,
    Weights,
    predictor_for,
)
from protein_enn.cli.options_from import in_dashes, options_from
from protein_enn.cli.output import deliver, json_text, untimed
from protein_enn.cli.side_chains import PACKER_COLUMNS, PackingWeights, packer_for
from protein_enn.io.batch import Item
from protein_enn.io.formats.table import FORMATS, endings
from protein_enn.refinement import RefineOptions

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.refinement import Refinement
    from protein_enn.structure import Structure

COLUMNS = (
    "name", "file", "output", "residues", "moved", "kept", "reverted", "mean_displacement", "confidence_before",
    "confidence_after", "error_before", "error_after", "clashes_before", "clashes_after", "outliers_before",
    "outliers_after", "symmetry", "symmetry_deviation", "rebuilt", "candidates", "steps", "seconds", "controls",
    "weights", "weights_sha256", *PACKER_COLUMNS, *AUDIT_COLUMNS, "error",
)  # fmt: skip
SHOWN = (
    "name", "residues", "moved", "kept", "reverted", "confidence_before", "confidence_after", "clashes_before",
    "clashes_after", "outliers_before", "outliers_after", "seconds", "audit_severity", "error",
)  # fmt: skip
WHEN = ("before", "after")
TABLE = "refine.csv"
OWN = "own"
"""As `refinement.assessment.OWN`, which needs torch."""


@options_from(RefineOptions)
def refine(
    inputs: Inputs,
    reading: Reading,
    sharding: Sharding,
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder for everything made.")],
    options: RefineOptions,
    confidence_in_b: Annotated[
        bool, typer.Option("--confidence-in-b", help="Write 100 x the predicted lDDT where B factors are.")
    ] = False,
    force: Force = False,
    weights: Weights = None,
    packing_weights: PackingWeights = None,
    confidence: Annotated[
        str | None,
        typer.Option(
            help="Weights that predict lDDT, of the input and of the result: a path or a name. own: the refinement "
            "network's prediction, which is less accurate, in half of the time. By default the shipped ones.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Refine models: DIR/NAME.<format>, DIR/NAME.refinement.json for each file, and DIR/refine.csv.

    A residue moves only if that is expected to help and brings no new outlier; see docs/how-to/refinement.md.
    """
    batch = items(inputs, sharding, writes=[output / TABLE])
    _check_targets(batch, options, output, reading)
    if packing_weights is not None and not options.rebuild:
        raise typer.BadParameter("--packing-weights are those of --rebuild: give --rebuild as well")
    check_free("-o", output, batch, reading, sharding, force)
    predictor = predictor_for("refinement", weights, device, threads)
    packer = packer_for(packing_weights, threads) if options.rebuild else None
    own = confidence in (None, OWN)  # which need no weights of their own here
    estimator = confidence if own else predictor_for("confidence", confidence, device, threads)
    run_with = {"controls": options.summary(), "weights": predictor.name, "weights_sha256": predictor.sha256}

    def work(item: Item, structure: Structure) -> list[Row]:
        if structure.audit.models > 1 and (reading.all_models or reading.model > 1):
            # In a copy of the document the other models would stand as they were, and readers would take the first.
            structure = replace(structure, source=None)
        refinement = _refined(structure, predictor, packer, estimator, options)
        copied = options.copies is not None
        target = output / f"{item.name}{output_suffix(structure, reading, item.path, copied=copied)}"
        row = _write(refinement, target, item, confidence_in_b, seconds)
        return [{**row, **run_with, "file": item.path, "output": str(target)}]

    def failed(item: Item, error: str) -> Row:
        # A record of an earlier run under this name would contradict the table.
        with suppress(OSError):  # a name too long for a file has no record
            (output / f"{item.name}.refinement.json").unlink(missing_ok=True)
        return {**failure(item, error), **run_with}

    earlier = earlier_rows(sharding, output / TABLE, COLUMNS, run_with, {"--json": as_json})
    rows = run(in_shard(batch, sharding), reading, work, failed, earlier)
    deliver(rows, COLUMNS, output / TABLE, as_json, shown_columns=SHOWN, failed=sharding.failed)


def _check_targets(batch: list[Item], options: RefineOptions, output: Path, reading: Reading) -> None:
    """typer.BadParameter where what is written could replace what is read."""
    targets = [output / f"{item.name}.{ending}" for item in batch for ending in endings()]
    targets += [output / f"{i.name}.refinement.json" for i in batch] + [output / TABLE]
    if reading.all_models and output.is_dir():
        targets += output.glob("*_model*")
    read = [*batch, *(Item(str(path), path.name) for path in options.files.values())]
    if replaced := overwrites(read, targets):
        raise typer.BadParameter(f"-o {output}: the input {replaced} could be overwritten; choose another folder")


def _refined(
    structure: Structure,
    predictor: Predictor,
    packer: Predictor | None,
    confidence: Predictor | str | None,
    options: RefineOptions,
) -> Refinement:
    """The structure refined; SelectionError says which option names what the structure does not have."""
    from protein_enn.refinement import refine
    from protein_enn.structure.selection import SelectionError

    try:
        return refine(structure, predictor=predictor, packer=packer, confidence=confidence, options=options)
    except SelectionError as error:
        raise SelectionError(in_dashes(str(error), RefineOptions)) from error


def _write(refinement: Refinement, target: Path, item: Item, confidence_in_b: bool, seconds: bool) -> Row:
    """Write the structure and its record, both or neither; its row."""
    record = {**refinement.record(target.name), "name": item.name, "input": item.path}
    record = record if seconds else untimed(record)
    file = target.parent / f"{item.name}.refinement.json"
    refinement.write(target, confidence_in_b=confidence_in_b, companions={file: f"{json_text(record)}\n".encode()})
    for note in refinement.notes:
        typer.echo(f"{item.name}: {note}", err=True)
    return row_of(refinement, record)


def output_suffix(structure: Structure, reading: Reading, path: str, *, copied: bool = False) -> str:
    """Suffix of the format that was read (whatever the file was called), compressed if the input was.

    An assembly, or a unit that was `copied`, is written as mmCIF: its chains have longer names than PDB files can hold.
    """
    kind = "mmcif" if copied or reading.assembly is not None else structure.audit.format
    return FORMATS[kind].suffix + (".gz" if path.lower().endswith(".gz") else "")


def row_of(refinement: Refinement, record: dict[str, Any]) -> Row:
    """One row of refine.csv: means over the residues for which a number is defined."""
    from protein_enn.metrics.outliers import total

    columns = record["per_residue"]
    packed_by = record["packing_weights"] or {"name": None, "sha256": None}

    def mean(name: str) -> float | None:
        values = [value for value in columns[name] if value is not None]
        return fmean(values) if values else None

    return {
        "name": record["name"],
        "residues": record["residues"],
        **{status: refinement.status.count(status) for status in ("moved", "kept", "reverted")},
        "mean_displacement": mean("displacement"),
        **{f"{what}_{when}": mean(f"{what}_{when}") for what in ("confidence", "error") for when in WHEN},
        **{f"clashes_{when}": record[f"geometry_{when}"]["clashes"] for when in WHEN},
        **{f"outliers_{when}": total(record[f"geometry_{when}"]) for when in WHEN},
        "symmetry": record["symmetry"] or None,
        "symmetry_deviation": record["symmetry_deviation"],
        "rebuilt": len(record["rebuilt"]),
        "candidates": len(record["candidates"]),
        "steps": record["steps"],
        "seconds": record["seconds"],
        **dict(zip(PACKER_COLUMNS, packed_by.values(), strict=True)),
        "error": None,
    }
