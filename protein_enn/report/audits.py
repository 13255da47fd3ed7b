"""The audit of one input: its atom balance, the findings and the gaps."""

from __future__ import annotations

from protein_enn.report import tables
from protein_enn.report.html import Markup, element, join, show

SEVERITIES = ("error", "warning", "note")
"""In the order shown."""


def audit_section(audit: object) -> Markup:
    """The audit of one input, `Audit.to_dict()`; whatever is not of that form is left out."""
    if not isinstance(audit, dict):
        return Markup("")
    findings, gaps = objects(audit, "findings"), objects(audit, "gaps")
    file, kind = show(audit.get("file")), show(audit.get("format"))
    which = f"{file}: {kind}, model {show(audit.get('model'))} of {show(audit.get('models'))}"
    parts: list[Markup] = [element("h3", "What reading the input found"), element("p", which, class_="note residues")]
    parts.append(tables.plain(("Atoms", "number"), balance(audit.get("atoms")), "What became of the file's atoms"))
    if findings:
        order = {severity: i for i, severity in enumerate(SEVERITIES)}
        findings.sort(key=lambda finding: order.get(show(finding.get("severity")), len(order)))
        rows = [
            (severity_tag(f.get("severity")), f.get("message"), f.get("count"), places(f), f.get("code"))
            for f in findings
        ]
        headers: tuple[str, ...] = ("Severity", "finding", "count", "where", "code")
        parts.append(tables.plain(headers, rows, "Findings, the worst first"))
    else:
        parts.append(element("p", "Nothing was found that a reader should know of.", class_="note"))
    if gaps:
        ends = [(show(g.get("after")), g.get("before"), g.get("missing"), g.get("distance")) for g in gaps]
        headers = ("After", "before", "residues missing", "distance / Å")
        parts.append(tables.plain(headers, ends, "Gaps: where a chain is not bonded to its next residue"))
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
    """The severity with its color."""
    has_color = show(severity) in SEVERITIES
    return element("span", show(severity), class_=f"tag {severity}" if has_color else "tag")


def places(finding: dict) -> Markup:
    """The places that a finding names, and a sign that there are more."""
    named = finding.get("places")
    named = named if isinstance(named, list) else []
    count = finding.get("count")
    more = ["..."] if named and isinstance(count, int) and count > len(named) else []
    return element("span", ", ".join([show(place) for place in named] + more), class_="residues")


def objects(audit: dict, key: str) -> list[dict]:
    """The objects of a list in an audit; whatever is not of that form is left out."""
    values = audit.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
