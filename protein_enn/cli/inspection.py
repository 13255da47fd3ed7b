"""`audit`: what reading a file found, chose and dropped. `validate`: its geometry, and its distance from a native."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.batch import Item, Row, items, run
from protein_enn.cli.options import Inputs, Json, Table, Threads, use_threads
from protein_enn.cli.output import finish, show_json, show_rows, write_rows

AUDIT_COLUMNS = ("name", "file", "format", "chains", "residues", "atoms", "others", "notes", "error")
VALIDATE_COLUMNS = (
    "name", "file", "residues", "atoms", "clashes", "clashes_per_1000_atoms", "bond_outliers", "angle_outliers",
    "ramachandran_outliers", "ramachandran_evaluated", "omega_outliers", "chirality_errors", "native",
    "matched_residues", "native_residues", "rmsd", "tm_score", "gdt_ts", "gdt_ha", "lddt", "ca_lddt", "chi1_accuracy",
    "error",
)  # fmt: skip


def audit(inputs: Inputs, output: Table = None, as_json: Json = False) -> None:
    """Read structure files and say what was found, chosen and dropped."""
    from protein_enn.io import read_structure

    def work(item: Item) -> list[Row]:
        structure = read_structure(item.path)
        return [
            {
                "name": item.name,
                "file": str(item.path),
                "format": structure.source.format if structure.source else None,
                "chains": len(structure.chain_ids),
                "residues": len(structure),
                "atoms": int(structure.present.sum()),
                "others": len(structure.others),
                "notes": "; ".join(structure.audit),
                "error": None,
            }
        ]

    rows = run(items(inputs), work, failure)
    _deliver(rows, AUDIT_COLUMNS, output, as_json)


def validate(
    inputs: Inputs,
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

    def work(item: Item) -> list[Row]:
        structure = read_structure(item.path)
        row: Row = {**geometry(structure, reference), "name": item.name, "file": str(item.path)}
        unmatched = reference is not None and not row["matched_residues"]
        row["native"] = None if native is None else str(native)
        return [{**row, "error": "no residue matches the native" if unmatched else None}]

    rows = run(items(inputs), work, failure)
    _deliver(rows, VALIDATE_COLUMNS, output, as_json)


def failure(item: Item, error: str) -> Row:
    """The row of a file that could not be done."""
    return {"name": item.name, "file": str(item.path), "error": error}


def _deliver(rows: list[Row], columns: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    if output is not None:
        write_rows(output, rows, columns)
    if as_json:
        show_json(rows)
    else:
        shown = [name for name in columns if any(row.get(name) not in (None, "") for row in rows)]
        show_rows(rows, [name for name in shown if name != "file"])
    finish(rows)
