"""`validate`: the geometry of structures, and their distance from a native."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Item, Row, failure, items, run
from protein_enn.cli.options import Inputs, Json, Reading, Table, Threads, use_threads
from protein_enn.cli.output import deliver

if TYPE_CHECKING:
    from protein_enn.structure import Structure

GEOMETRY = (
    "residues", "atoms", "clashes", "clashes_per_1000_atoms", "bond_outliers", "angle_outliers",
    "ramachandran_outliers", "ramachandran_evaluated", "omega_outliers", "chirality_errors",
)  # fmt: skip
COMPARISON = (
    "native", "matched_residues", "native_residues", "rmsd", "tm_score", "gdt_ts", "gdt_ha", "lddt", "ca_lddt",
    "chi1_accuracy",
)  # fmt: skip
COLUMNS = ("name", "file", *GEOMETRY, *COMPARISON, *AUDIT_COLUMNS, "error")


def validate(
    inputs: Inputs,
    reading: Reading,
    native: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The true structure: adds lDDT, RMSD, TM-score, GDT."),
    ] = None,
    output: Table = None,
    as_json: Json = False,
    threads: Threads = None,
) -> None:
    """Count clashes, covalent, Ramachandran and chirality outliers; with --native also compare with it."""
    from protein_enn.io import StructureError, read_structure
    from protein_enn.metrics import validate as geometry

    use_threads(threads)
    try:
        reference = None if native is None else read_structure(native)
    except (StructureError, OSError) as error:
        raise typer.BadParameter(f"--native: {error}") from error

    def work(item: Item, structure: Structure) -> list[Row]:
        row: Row = {**geometry(structure, reference), "name": item.name, "file": item.path}
        unmatched = reference is not None and not row["matched_residues"]
        row["native"] = None if native is None else str(native)
        return [{**row, "error": "no residue matches the native" if unmatched else None}]

    rows = run(items(inputs, writes=[output]), reading, work, failure)
    shown = ("name", *GEOMETRY, *(() if native is None else COMPARISON), "audit_severity", "error")
    deliver(rows, COLUMNS, output, as_json, shown_columns=shown)
