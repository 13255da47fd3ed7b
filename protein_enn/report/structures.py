"""The refinement part of a report: all structures in one table, then a section for each."""

from __future__ import annotations

from protein_enn.report import svg, tables
from protein_enn.report.audits import audit_section
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.interactive import every_residue, interactive

OPEN_AT_FIRST = 3
"""Structures whose section is open when the page loads."""
TRACK_KEY = (
    "Top: predicted lDDT before (dashed) and after (solid). Below: heavy-atom RMS displacement, and what was done with "
    "each residue. Point at a residue, or use the arrow keys, to read its values."
)


def count(record: dict, status: str) -> int | None:
    """Residues of a refinement with this status."""
    rows = record.get("per_residue")
    return rows["status"].count(status) if rows else None


def mean(record: dict, column: str) -> float | None:
    """Mean over the residues of a refinement that have a value."""
    values = [v for v in map(number, (record.get("per_residue") or {}).get(column, [])) if v is not None]
    return sum(values) / len(values) if values else None


def refinement_section(records: list[dict]) -> Markup:
    if not records:
        return element("p", "No structure was refined in this run.", class_="note")
    done = [record for record in records if not record.get("error")]
    failed = [record for record in records if record.get("error")]
    parts: list[Markup] = []
    if done:
        rows = [
            (element("a", show(r.get("name")), href=f"#structure-{i}"), r.get("residues"),
             count(r, "moved"), count(r, "kept"), count(r, "reverted"), mean(r, "displacement"),
             mean(r, "confidence_before"), mean(r, "confidence_after"),
             _dict(r, "geometry_before").get("clashes"), _dict(r, "geometry_after").get("clashes"), r.get("seconds"),
             _dict(r, "audit").get("severity"))
            for i, r in enumerate(done)
        ]  # fmt: skip
        headers = ("structure", "residues", "moved", "kept", "reverted", "mean displacement / Å",
                   "confidence before", "confidence after", "clashes before", "clashes after", "time / s",
                   "audit")  # fmt: skip
        parts.append(
            tables.sortable(headers, rows, "Refined structures; confidence is the mean predicted lDDT (0 to 1)")
        )
    if failed:
        parts.append(element("h3", f"Failed ({len(failed)})"))
        parts.append(tables.failure_table(failed, "input", "Structures that were not refined"))
    parts += [structure_section(record, i) for i, record in enumerate(done)]
    return join(parts)


def _dict(record: dict, key: str) -> dict:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def structure_section(record: dict, index: int) -> Markup:
    """One refined structure: tracks, reasons, geometry, Ramachandran plots, every value, the audit of the input."""
    name = show(record.get("name"))
    rows = record.get("per_residue")
    what = ", ".join(f"{show(count(record, status))} {status}" for status in svg.STATUSES)
    parts: list[object] = [
        element("p", f"{show(record.get('input'))} → {show(record.get('output'))}", class_="note residues")
    ]
    if rows and rows["id"]:
        parts += [interactive(svg.refinement_tracks(name, rows), f"structure-{index}-data", rows, TRACK_KEY)]
        parts.append(tables.reasons_table(rows))
    columns: list[object] = []
    if record.get("geometry_before") is not None or record.get("geometry_after") is not None:
        parts.append(tables.geometry_table(_dict(record, "geometry_before"), _dict(record, "geometry_after")))
    if rows and rows["id"]:
        for when in ("before", "after"):
            plot = svg.ramachandran(when, rows[f"phi_{when}"], rows[f"psi_{when}"], rows["residue"])
            caption = f"Ramachandran plot {when} (triangles: glycine)"
            columns.append(element("figure", plot, element("figcaption", caption)))
        parts.append(element("div", *columns, class_="columns"))
        parts.append(every_residue(f"structure-{index}-data"))
    parts.append(audit_section(record.get("audit")))
    summary = element(
        "summary", element("b", name), element("span", f"{show(record.get('residues'))} residues: {what}")
    )
    return element("details", summary, *parts, id=f"structure-{index}", open=index < OPEN_AT_FIRST)
