"""`pack`: side chains for sequences on backbones, each file with a record, and one table."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Row, failure, in_shard, items, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.fetching import Format
from protein_enn.cli.folders import Force, check_free
from protein_enn.cli.options import (
    Device,
    DeviceOption,
    Inputs,
    Json,
    Reading,
    Seconds,
    Seed,
    Sharding,
    Threads,
    Weights,
    joined_selection,
    predictor_for,
    residues_option,
)
from protein_enn.cli.output import deliver, write_json, write_rows
from protein_enn.cli.packed_files import PackedFiles
from protein_enn.cli.refinement import output_suffix
from protein_enn.cli.sequences import SequenceFile, Sequences
from protein_enn.cli.side_chains import packer_for
from protein_enn.io.batch import Item, explain

if TYPE_CHECKING:
    from protein_enn.structure import Structure

COLUMNS = (
    "name", "file", "output", "label", "sample", "residues", "packed", "skipped", "incomplete", "log_density",
    "probability", "entropy", "predicted_error", "clashes", "outliers", "clashes_packed", "outliers_packed", "moved",
    "temperature", "seed", "weights", "weights_sha256", "refinement_weights", "refinement_weights_sha256",
    *AUDIT_COLUMNS, "error",
)  # fmt: skip
SHOWN = (
    "name", "label", "sample", "residues", "packed", "skipped", "incomplete", "probability", "entropy",
    "predicted_error", "clashes", "outliers", "audit_severity", "error",
)  # fmt: skip
RESIDUE = ("residue", "amino_acid", "chi1", "chi2", "chi3", "chi4", "probability", "entropy", "error")
RESIDUE_COLUMNS = ("name", "file", "output", "label", "sample", *RESIDUE)
TABLE = "pack.csv"

_WHAT, _FILES = "What is packed", "What is written"


def pack(
    inputs: Inputs,
    reading: Reading,
    sharding: Sharding,
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder for everything made.")],
    sequence: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_WHAT,
            help="Sequence of the one structure, chains joined by /. By default that of the file.",
        ),
    ] = None,
    sequences: Sequences = None,
    residues: Annotated[
        list[str] | None,
        residues_option(
            "Pack these side chains anew (all of them: all), not only those that change or lack atoms", _WHAT
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="So many structures for each sequence, the likeliest first.")] = 1,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            show_default="0 for one sample, 1 for several",
            help="0 takes the most likely side chains, 1 draws from the distribution of the model.",
        ),
    ] = None,
    idealize: Annotated[
        bool,
        typer.Option(
            "--idealize",
            help="Then refine the packed side chains: clashes and wrong geometry go, the backbone stays, no outlier is "
            "new.",
        ),
    ] = False,
    errors: Annotated[
        bool,
        typer.Option(
            "--errors",
            rich_help_panel=_FILES,
            help="Predict the error of each side chain (Å, expected RMSD): written where its B factors are, and as "
            "predicted_error in the table, which is empty otherwise.",
        ),
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option(
            "--angles",
            rich_help_panel=_FILES,
            dir_okay=False,
            help="Write a row for each packed residue: chi angles, probability, entropy, error. CSV or .json.",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(rich_help_panel=_FILES, help="Format of the structures.", show_default="that of the input"),
    ] = None,
    force: Force = False,
    weights: Weights = None,
    refinement_weights: Annotated[
        str | None, typer.Option(help="Refinement weights of --idealize. By default the shipped ones.")
    ] = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Pack side chains: DIR/NAME.<format> and DIR/NAME.packing.json for each file, and DIR/pack.csv.

    Side chains that are there stay, unless --residues names them or their amino acid changes. Ligands, metals and links
    are respected. With --idealize, DIR/NAME.refinement.json says what moved; see docs/how-to/packing.md.
    """
    batch = items(inputs, sharding, writes=[output / TABLE, table], reads=[sequences])
    _check(batch, sequence, sequences, temperature, refinement_weights if not idealize else None)
    many = sequences is not None
    check_free("-o", output, batch, reading, sharding, force, endings=["", "_packing1"], any_ending=many)
    given = None if sequences is None else SequenceFile(sequences, len(batch) == 1)
    packer = packer_for(weights, threads)
    refiner = predictor_for("refinement", refinement_weights, device, threads) if idealize else None
    wishes: Row = {"region": joined_selection(residues), "samples": samples, "temperature": temperature, "seed": seed}
    wishes |= {"errors": errors, "predictor": packer}
    run_with: Row = {"seed": seed, "weights": packer.name, "weights_sha256": packer.sha256}
    if refiner is not None:
        run_with |= {"refinement_weights": refiner.name, "refinement_weights_sha256": refiner.sha256}
    per_residue: list[Row] = []

    def failed(item: Item, error: str) -> Row:
        for kind in ("packing", "refinement"):  # a record of an earlier run would contradict the table
            with suppress(OSError):  # a name too long for a file has no record
                (output / f"{item.name}.{kind}.json").unlink(missing_ok=True)
        return {**failure(item, error), **run_with}

    def work(item: Item, structure: Structure) -> list[Row]:
        from protein_enn.packing import pack as pack_structure
        from protein_enn.structure.given import atoms_advice

        if not structure.has_backbone.any():
            advice = atoms_advice(structure)
            typer.echo(f"{item.name}: no residue has N, CA and C, so no side chain is packed; {advice}", err=True)
        if structure.audit.models > 1 and (reading.all_models or reading.model > 1):
            structure = replace(structure, source=None)  # in a copy of the document other models would stand unpacked
        suffix = output_suffix(structure, reading, item.path) if format is None else f".{format.value}"
        wanted: dict[str, str | None] = {"": sequence}
        if given is not None:
            wanted = {**given.of(item.name, structure)}
        rows: list[Row] = []
        for label, letters in wanted.items():
            part = replace(item, name=f"{item.name}_{label}" if label else item.name)
            try:
                packing = pack_structure(structure, letters, **wishes)
                made = PackedFiles(part, packing, refiner, output, suffix, seconds)
                made.check(batch)
                for number in range(len(packing.structures)):
                    row, residue_rows = made.write(number)
                    rows.append({**run_with, **row, "label": label or None})
                    per_residue.extend({**residue, "label": label or None} for residue in residue_rows)
            except Exception as error:  # one sequence that does not fit never stops the others
                rows.append({**failed(part, explain(error)), "label": label or None})
        return rows

    earlier = earlier_rows(sharding, output / TABLE, COLUMNS, run_with, {"--json": as_json, "--angles": table})
    rows = run(in_shard(batch, sharding), reading, work, failed, earlier)
    if table is not None:
        if table.suffix.lower() == ".json":
            write_json(table, per_residue)
        else:
            write_rows(table, per_residue, RESIDUE_COLUMNS)
    deliver(rows, COLUMNS, output / TABLE, as_json, shown_columns=SHOWN, failed=sharding.failed)


def _check(
    batch: list[Item], sequence: str | None, fasta: Path | None, temperature: float | None, unused: str | None
) -> None:
    """typer.BadParameter where options contradict each other."""
    if sequence is not None and fasta is not None:
        raise typer.BadParameter("--sequence and --sequences both give sequences: leave out one of them")
    if sequence is not None and len(batch) > 1:
        raise typer.BadParameter(f"--sequence is for one structure, and there are {len(batch)}: give --sequences FILE")
    if temperature is not None and not math.isfinite(temperature):
        raise typer.BadParameter("--temperature must be a finite number")
    if unused is not None:
        raise typer.BadParameter("--refinement-weights are those of --idealize: give --idealize as well")
