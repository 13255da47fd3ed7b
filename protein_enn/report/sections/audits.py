"""What reading the inputs found: a table of all, and of each the atom balance, the findings and the gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from protein_enn.report import tables
from protein_enn.report.html import Markup, element, join, show

SEVERITIES = ("error", "warning", "note")
"""In the order shown."""


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
"""Columns of the table of inputs: what they are called, and what they mean."""


def inputs_section(rows: Sequence[dict]) -> Markup:
    """A row for each input that could be read; `rows` as `audited` gives them."""
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


def audited(tables_rows: Sequence[dict], records: Sequence[dict]) -> list[dict]:
    """Rows of audit tables, and the audits within records of files that no table has; failures are left out, and
    files that a refinement of these wrote: they are no inputs of the run."""
    rows = []
    for row in tables_rows:
        if not row.get("error"):
            notes = row.get("notes")
            rows.append({**row, "findings": notes.split("; ") if isinstance(notes, str) else []})
    known: dict[str, list[PurePath]] = {}
    for path in (*(row.get("file") for row in rows), *(record.get("output") for record in records)):
        known.setdefault(PurePath(str(path)).name, []).append(PurePath(str(path)))
    for record in records:
        audit = record.get("audit")
        file = record.get("input") or record.get("file")
        path = PurePath(str(file))
        if not isinstance(audit, dict) or record.get("error") or _among(path, known.get(path.name, [])):
            continue
        known.setdefault(path.name, []).append(path)
        atoms = audit.get("atoms")
        numbers = atoms if isinstance(atoms, dict) else {}
        dropped = numbers.get("dropped")
        gaps = _records(audit, "gaps")
        rows.append({
            "name": record.get("name"), "file": file, "format": audit.get("format"),
            "residues": record.get("residues"), "atoms": numbers.get("protein"), "others": numbers.get("context"),
            "dropped": sum(n for n in dropped.values() if isinstance(n, int)) if isinstance(dropped, dict) else None,
            "gaps": len(gaps), "audit_severity": audit.get("severity"),
            "findings": [show(finding.get("message")) for finding in _records(audit, "findings")],
        })  # fmt: skip
    return rows


def _among(path: PurePath, others: Sequence[PurePath]) -> bool:
    """Whether one of the others is the same file, as far as names tell: relative and absolute ones agree at the end."""
    for other in others:
        shared = min(len(path.parts), len(other.parts))
        if path.parts[-shared:] == other.parts[-shared:]:
            return True
    return False


def audit_section(audit: object) -> Markup:
    """The audit of one input, `Audit.to_dict()`; whatever is not of that form is left out."""
    if not isinstance(audit, dict):
        return Markup("")
    findings, gaps = _records(audit, "findings"), _records(audit, "gaps")
    file, kind = show(audit.get("file")), show(audit.get("format"))
    which = f"{file}: {kind}, model {show(audit.get('model'))} of {show(audit.get('models'))}"
    parts: list[Markup] = [element("h3", "What reading the input found"), element("p", which, class_="note residues")]
    parts.append(tables.plain(("Atoms", "number"), balance(audit.get("atoms")), "What became of the file's atoms"))
    if findings:
        order = {severity: i for i, severity in enumerate(SEVERITIES)}
        findings.sort(key=lambda finding: order.get(show(finding.get("severity")), len(order)))
        told = [
            (severity_tag(f.get("severity")), f.get("message"), f.get("count"), places(f), f.get("code"))
            for f in findings
        ]
        parts.append(tables.plain(("Severity", "finding", "count", "where", "code"), told, "Findings, the worst first"))
    else:
        parts.append(element("p", "Nothing was found that a reader should know of.", class_="note"))
    if gaps:
        rows = [(show(g.get("after")), g.get("before"), g.get("missing"), g.get("distance")) for g in gaps]
        headers = ("After", "before", "residues missing", "distance / Å")
        parts.append(tables.plain(headers, rows, "Gaps: where a chain is not bonded to its next residue"))
    return join(parts)


_COUNTS = (("in the file", "in_file"), ("copied for an assembly", "copied"), ("protein", "protein"))


def balance(atoms: object) -> list[tuple[str, object]]:
    """Rows of the atom balance: in the file + copied = protein + context + dropped, reason by reason."""
    numbers = atoms if isinstance(atoms, dict) else {}
    rows = [(name, numbers.get(key)) for name, key in _COUNTS if key != "copied" or numbers.get(key)]
    dropped = numbers.get("dropped")
    reasons = dropped.items() if isinstance(dropped, dict) else ()
    return [*rows, ("context", numbers.get("context")), *((f"dropped: {show(why)}", n) for why, n in reasons)]


def severity_tag(severity: object) -> Markup:
    """The severity with its colour."""
    known = show(severity) in SEVERITIES
    return element("span", show(severity), class_=f"tag {severity}" if known else "tag")


def places(finding: dict) -> Markup:
    """The places that a finding names, and a sign that there are more."""
    named = finding.get("places")
    named = named if isinstance(named, list) else []
    count = finding.get("count")
    more = ["..."] if named and isinstance(count, int) and count > len(named) else []
    return element("span", ", ".join([show(place) for place in named] + more), class_="residues")


def _records(audit: dict, key: str) -> list[dict]:
    values = audit.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
