"""`audit`: what reading a file found, chose and dropped, and whether it can be relied on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.audit_summary import show_summaries
from protein_enn.cli.batch import AUDIT_COLUMNS, Row, failure, in_shard, items, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.options import Inputs, Json, Processes, Reading, Sharding, Table, joined_selection, residues_option
from protein_enn.cli.output import done, finish, list_failures, show_json, show_rows, write_rows
from protein_enn.io.batch import Item
from protein_enn.structure.audit import SEVERITIES

if TYPE_CHECKING:
    from protein_enn.structure import Structure

COLUMNS = (
    "name", "file", "format", "model", "models", "chains", "residues", "atoms", "others", "dropped", "gaps",
    "error_count", "warning_count", "note_count", *AUDIT_COLUMNS, "notes", "error",
)  # fmt: skip
SHOWN = (
    "name", "format", "models", "chains", "residues", "atoms", "others", "dropped", "gaps", *AUDIT_COLUMNS, "error",
)  # fmt: skip
FEW = 5
"""Structures that are told of one by one; more than that are a table."""


def audit(
    inputs: Inputs,
    reading: Reading,
    sharding: Sharding,
    output: Table = None,
    table: Annotated[
        bool, typer.Option("--table", help=f"Print one line for each file. So are more than {FEW} files printed.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit status 1 also for a warning.")] = False,
    residues: Annotated[list[str] | None, residues_option("List these residues")] = None,
    processes: Processes = 1,
    as_json: Json = False,
) -> None:
    """Say what was read, chosen, dropped and found. Exit status 1 if a file is refused or a finding is an error.

    With --failed findings count for the exit status only if --strict is given.
    """
    selection = joined_selection(residues)

    def work(item: Item, structure: Structure) -> list[Row]:
        row = {"name": item.name, "file": item.path, **summary(structure), "error": None}
        return [row if selection is None else {**row, "selected": selected(structure, selection)}]

    batch = in_shard(items(inputs, sharding, writes=[output]), sharding)
    earlier = earlier_rows(sharding, output, COLUMNS, {}, {"--json": as_json})
    rows = run(batch, reading, work, failure, earlier, processes)
    if output is not None:
        write_rows(output, done(rows), COLUMNS)
    if len(done(rows)) < len(rows):
        finish(rows, output=output)
    if as_json:
        show_json(rows)
    elif table or len(rows) > FEW:
        show_rows(rows, SHOWN if selection is None else (*SHOWN, "selected"))
    else:
        show_summaries(rows)
    if sharding.failed is not None:
        list_failures(sharding.failed, rows)
    refused = sum(bool(row["error"]) for row in rows)
    unsound = sum(bool(row.get("error_count") or (strict and row.get("warning_count"))) for row in rows)
    if (unsound and strict) if sharding.failed is not None else (refused or unsound):
        what = "a warning or an error" if strict else "an error"
        typer.echo(f"{refused} refused, {unsound} with {what} among the findings", err=True)
        raise typer.Exit(1)


def summary(structure: Structure) -> Row:
    """What is in a structure as read, in numbers and names. ValueError if its atoms do not balance."""
    from protein_enn.structure import KINDS, LINKS

    read = structure.audit
    if not read.atoms.balanced:
        raise ValueError(f"{read.file}: atoms were lost in reading, which is a fault of this program: {read.atoms}")
    sizes = Counter(structure.chains.tolist())
    severities = Counter(finding.severity for finding in read.findings)
    return {
        "format": read.format,
        "model": read.model,
        "models": read.models,
        "chains": len(structure.chain_ids),
        "residues": len(structure),
        "atoms": int(structure.present.sum()),
        "others": len(structure.hetero),
        "dropped": sum(read.atoms.dropped.values()),
        "gaps": len(read.gaps),
        **{f"{severity}_count": severities[severity] for severity in SEVERITIES},
        "notes": "; ".join(read.lines()),
        "residues_by_chain": [{"chain": name, "residues": sizes[i]} for i, name in enumerate(structure.chain_ids)],
        "context_atoms": counts(structure.hetero.kinds.tolist(), KINDS),
        "links": counts(structure.links.kinds.tolist(), LINKS),
        "predicted": structure.predicted,
    }


def counts(indices: list[int], names: tuple[str, ...]) -> dict[str, int]:
    """How many there are of each kind that there is."""
    found = Counter(indices)
    return {name: found[i] for i, name in enumerate(names) if found[i]}


def selected(structure: Structure, selection: str) -> list[str]:
    """Ids of the residues that the selection chooses."""
    from protein_enn.structure.selection import select

    return [structure.residue_id(i) for i in select(structure, selection).nonzero()[:, 0].tolist()]
