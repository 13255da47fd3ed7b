"""What reading the inputs found, chose or dropped: a table of all inputs that could be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from protein_enn.report import tables
from protein_enn.report.audits import objects, severity_tag
from protein_enn.report.contents import Contents, Failure, Kind
from protein_enn.report.files import Source, read_table
from protein_enn.report.html import Markup, element, join, show
from protein_enn.report.panel import Page, Panel
from protein_enn.report.records import REFINEMENTS, SCORES
from protein_enn.report.summary import FINE, LOOK, Line, many, names

AUDITS: Kind[list[dict]] = Kind("audits", list)
"""Rows of `audit -o`."""
COLUMNS = {
    "name": ("structure", "name of the structure: its file's, made unique in the batch"),
    "audit_severity": ("severity", "worst finding: note (good to know), warning (look at it), error (hardly usable)"),
    "findings": ("findings", "what reading the file found, chose or dropped"),
    "format": ("format", "how the file is written: pdb, mmcif or bcif"),
    "chains": ("chains", "protein chains read"),
    "residues": ("residues", "protein residues read"),
    "atoms": ("atoms", "heavy atoms of protein residues"),
    "others": ("context atoms", "atoms of ligands, ions, nucleic acids and water, which the networks see"),
    "dropped": ("dropped", "atoms not used, such as hydrogens and other conformers"),
    "gaps": ("gaps", "places where a chain is not bonded to its next residue"),
    "file": ("file", "path of the file as it was given"),
}
"""Columns of the table: what they are called, and what they mean."""


def read(path: Path, contents: Contents) -> None:
    contents[AUDITS] += read_table(path)


def failures(contents: Contents) -> Iterator[Failure]:
    for row in contents[AUDITS]:
        if row.get("error"):
            yield Failure(show(row.get("file") or row.get("name")), "audit", show(row["error"]))


def inputs(contents: Contents) -> list[dict]:
    """A row for each input that could be read: of audit tables, then of the audits in records."""
    return audited(contents[AUDITS], [*contents[REFINEMENTS], *contents[SCORES]])


def audited(table: Sequence[dict], records: Sequence[dict]) -> list[dict]:
    """Rows of audit tables, and the audits within records of files that no table has.

    Failures are left out, and files that a refinement of these wrote: they are no inputs of the run.
    """
    rows = []
    for row in table:
        if not row.get("error"):
            notes = row.get("notes")
            rows.append({**row, "findings": notes.split("; ") if isinstance(notes, str) else []})
    paths: dict[str, list[PurePath]] = {}
    for path in (*(row.get("file") for row in rows), *(record.get("output") for record in records)):
        paths.setdefault(PurePath(str(path)).name, []).append(PurePath(str(path)))
    for record in records:
        audit = record.get("audit")
        path = PurePath(str(_file(record)))
        if not isinstance(audit, dict) or record.get("error") or _is_among(path, paths.get(path.name, [])):
            continue
        paths.setdefault(path.name, []).append(path)
        rows.append(_row(record, audit))
    return rows


def _file(record: dict) -> object:
    return record.get("input") or record.get("file")


def _row(record: dict, audit: dict) -> dict:
    """What a row of an audit table holds, from the audit within a record."""
    atoms = audit.get("atoms")
    numbers = atoms if isinstance(atoms, dict) else {}
    dropped = numbers.get("dropped")
    return {
        "name": record.get("name"), "file": _file(record), "format": audit.get("format"),
        "residues": record.get("residues"), "atoms": numbers.get("protein"), "others": numbers.get("context"),
        "dropped": sum(n for n in dropped.values() if isinstance(n, int)) if isinstance(dropped, dict) else None,
        "gaps": len(objects(audit, "gaps")), "audit_severity": audit.get("severity"),
        "findings": [show(finding.get("message")) for finding in objects(audit, "findings")],
    }  # fmt: skip


def _is_among(path: PurePath, paths: Sequence[PurePath]) -> bool:
    """Whether one of the paths is the same file, as far as names tell: relative and absolute ones end alike."""
    for other in paths:
        length = min(len(path.parts), len(other.parts))
        if path.parts[-length:] == other.parts[-length:]:
            return True
    return False


def lines(page: Page) -> Iterator[Line]:
    rows = inputs(page.contents)
    if not rows:
        return
    bad = [row for row in rows if row.get("audit_severity") in ("warning", "error")]
    if not bad:
        yield FINE, join((f"{many(len(rows), 'input')} read without a warning.",))
        return
    errors = sum(row["audit_severity"] == "error" for row in bad)
    start = f"{many(len(rows), 'input')} read: {len(bad)} with a warning or worse"
    yield LOOK, join((start, f", {errors} of them with an error" if errors else None, " (", names(bad, {}), ")."))


def markup(page: Page) -> Markup:
    rows = inputs(page.contents)
    if not rows:
        return Markup("")
    keys = [key for key in COLUMNS if any(row.get(key) is not None for row in rows)]
    body = [[_cell(key, row.get(key)) for key in keys] for row in rows]
    headers, explained = zip(*(COLUMNS[key] for key in keys), strict=True)
    caption = "What reading the inputs found"
    return tables.sortable(headers, body, caption, "inputs", explained, keys, "audit_severity")


def _cell(key: str, value: object) -> object:
    if key == "audit_severity":
        return severity_tag(value) if value else None
    if key == "findings" and isinstance(value, list):
        return join([element("div", line) for line in value]) if value else None
    return value


PANEL = Panel(
    key="inputs",
    heading="Inputs",
    order=50,
    markup=markup,
    kinds=(AUDITS,),
    # Before scans: a table that is joined of both has the findings of each file again in every row.
    sources=(Source(lambda file: file.is_table("notes", "note_count", "audit_severity"), read, rank=1),),
    files="tables of audit",
    failures=failures,
    lines=lines,
)
