"""`validate`: the geometry of structures, and their distance from a native."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Row, failure, in_shard, items, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.options import Inputs, Json, Processes, Reading, Sharding, Table, Threads, use_threads
from protein_enn.cli.output import deliver, write_json, write_rows
from protein_enn.io.batch import Item
from protein_enn.io.csv_text import printable

if TYPE_CHECKING:
    from protein_enn.structure import Structure

COMPARISON = (
    "native", "matched_residues", "native_residues", "rmsd", "tm_score", "gdt_ts", "gdt_ha", "lddt", "ca_lddt",
    "chi1_accuracy", "chi12_accuracy", "chi1_accuracy_40", "chi12_accuracy_40", "side_chain_rmsd", "interfaces",
    "dockq",
)  # fmt: skip

RESIDUES = "residues of the records"
"""Key of a row under which its records of residues come with it."""


def validate(
    inputs: Inputs,
    reading: Reading,
    sharding: Sharding,
    native: Annotated[
        Path | None,
        typer.Option(
            "-r", "--native", exists=True, dir_okay=False,
            help="The true structure. Adds lDDT, RMSD, TM-score, GDT, DockQ, chi angles and side-chain RMSD.",
        ),
    ] = None,
    output: Table = None,
    records: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write a record of each residue to this file: CSV, or JSON if called .json."),
    ] = None,
    as_json: Json = False,
    threads: Threads = None,
    processes: Processes = 1,
) -> None:  # fmt: skip
    """Count clashes, covalent, Ramachandran, rotamer and chirality outliers. With --native compare with it as well."""
    from protein_enn.io import StructureError, read_structure
    from protein_enn.metrics import dockq, match_residues, residue_records
    from protein_enn.metrics import validate as geometry
    from protein_enn.metrics.alignment import match_warning, merged_chains
    from protein_enn.metrics.residues import residue_columns
    from protein_enn.metrics.stereochemistry import summary_columns

    use_threads(threads)
    if output is not None and records is not None and output.resolve() == records.resolve():
        raise typer.BadParameter(f"--output and --records both name {output}: give each a file of its own")
    try:
        reference = None if native is None else read_structure(native)
    except (StructureError, OSError) as error:
        raise typer.BadParameter(f"--native: {error}") from error

    def work(item: Item, structure: Structure) -> list[Row]:
        row: Row = {**geometry(structure, reference), "name": item.name, "file": item.path}
        unmatched = reference is not None and not row["matched_residues"]
        row["native"] = None if native is None else str(native)
        if reference is not None and not unmatched:
            reasons = (
                match_warning(row["matched_residues"], len(structure), row["native_residues"]),
                merged_chains(structure, reference),
            )
            row["warning"] = "; ".join(filter(None, reasons)) or None
        if reference is not None and as_json:
            matched = match_residues(structure, reference, copies=True)
            row["interface_scores"] = [part.to_dict() for part in dockq(structure, reference, matched)]
        if records is not None:
            row[RESIDUES] = [{"name": item.name, **part} for part in residue_records(structure, reference)]
        return [{**row, "error": "no residue matches the native" if unmatched else None}]

    counts = ("residues", *summary_columns())
    columns = ("name", "file", *counts, *COMPARISON, *AUDIT_COLUMNS, "error")
    batch = items(inputs, sharding, writes=[output, records], reads=[native])
    earlier = earlier_rows(sharding, output, columns, {}, {"--json": as_json, "--records": records})
    rows = run(in_shard(batch, sharding), reading, work, failure, earlier, processes)
    residues: list[Row] = [part for row in rows for part in row.pop(RESIDUES, ())]
    for row in rows:
        if row.get("warning"):
            line = f"{row['name']}: {row['warning']}"
            typer.echo(f"warning: {printable(line)}", err=True)
    if records is not None:
        write_residues(records, residues, ("name", *residue_columns()))
    shown = ("name", *counts, *(() if native is None else COMPARISON), "audit_severity", "error")
    deliver(rows, columns, output, as_json, shown_columns=shown, failed=sharding.failed)


def write_residues(path: Path, rows: list[Row], columns: tuple[str, ...]) -> None:
    """Write the rows of residues as JSON where the file is called so, else as CSV."""
    if path.suffix.lower() == ".json":
        listed: list[dict[str, Any]] = [{name: row.get(name) for name in columns} for row in rows]
        write_json(path, listed)
    else:
        write_rows(path, rows, columns)
