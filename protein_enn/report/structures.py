"""The refinement part of a report: all structures in one table, then a section for each."""

from __future__ import annotations

from protein_enn.report import svg, tables
from protein_enn.report.audits import audit_section
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.interactive import every_residue, interactive
from protein_enn.report.portrait import FAULTS, fault_counts, legend, panel, view_from
from protein_enn.report.refinement_tracks import STATUSES, refinement_tracks

OPEN_AT_FIRST = 3
"""Structures whose section is open when the page loads."""
TRACK_KEY = (
    "Top: predicted lDDT before (dashed) and after (solid). Below: heavy-atom RMS displacement, what was done with "
    "each residue, and which have a fault (×). Point at a residue, or use the arrow keys, to read its values."
)
QUALITY = {"confidence": ("predicted lDDT, mean", True), "error": ("predicted error / Å, mean", False)}
"""Columns of a record, what their means are called, and whether more is better."""
CONTROLS = {"steps": "steps", "seed": "seed", "symmetry": "symmetry", "symmetry_deviation": "off symmetry / Å"}


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
    what = ", ".join(f"{show(count(record, status))} {status}" for status in STATUSES)
    parts: list[object] = [
        element("p", f"{show(record.get('input'))} → {show(record.get('output'))}", class_="note residues")
    ]
    if rows and rows["id"]:
        identifier = f"structure-{index}-data"
        parts += [portrait(record, identifier)]
        parts += [interactive(refinement_tracks(name, rows), identifier, rows, TRACK_KEY)]
    numbers: list[Markup] = [controls_table(record)]
    if rows or record.get("geometry_before") is not None or record.get("geometry_after") is not None:
        geometry = _dict(record, "geometry_before"), _dict(record, "geometry_after")
        quality = [
            (label, mean(record, f"{k}_before"), mean(record, f"{k}_after"), up) for k, (label, up) in QUALITY.items()
        ]
        numbers.insert(0, tables.geometry_table(*geometry, quality))
    parts.append(element("div", *numbers, class_="columns"))
    if rows and rows["id"]:
        parts.append(tables.reasons_table(rows))
        views = [
            element(
                "figure",
                svg.ramachandran(when, rows[f"phi_{when}"], rows[f"psi_{when}"], rows["residue"]),
                element("figcaption", f"Ramachandran plot {when} (triangles: glycine)"),
            )
            for when in ("before", "after")
        ]
        parts += [element("div", *views, class_="columns"), every_residue(identifier)]
    parts.append(audit_section(record.get("audit")))
    summary = element(
        "summary", element("b", name), element("span", f"{show(record.get('residues'))} residues: {what}")
    )
    return element("details", summary, *parts, id=f"structure-{index}", open=index < OPEN_AT_FIRST)


def portrait(record: dict, identifier: str) -> Markup:
    """The traces before and after beside each other, which wrap on a narrow page; nothing for a record without them."""
    rows = record["per_residue"]
    view = view_from(record.get("trace"), len(rows["id"]))
    if view is None:
        return Markup("")
    views = [
        element("figure", panel(view, rows, when, identifier), element("figcaption", panel_caption(rows, when)))
        for when in ("before", "after")
    ]
    return join((element("div", *views, class_="views"), legend()))


def panel_caption(rows: dict[str, list], when: str) -> str:
    """Which of the two it is, and how many residues have each kind of fault."""
    start = when.capitalize()
    if not (words := rows.get(f"outliers_{when}")):
        return start
    counts = [f"{n} with a {FAULTS[kind][0].partition(':')[0]}" for kind, n in fault_counts(words).items()]
    return f"{start}: of {len(words)} residues {', '.join(counts)}"


def controls_table(record: dict) -> Markup:
    """How it was made: steps, seed and symmetry, then the controls that were asked for, and what they led to."""
    asked = {
        key: value
        for key, value in _dict(record, "controls").items()
        if value not in (None, False, "") and (key, value) != ("candidates", 1)
    }
    rows: list[tuple[str, object]] = [(label, record.get(key)) for key, label in CONTROLS.items() if record.get(key)]
    rows += [(f"asked: {show(key).replace('_', ' ')}", show(value)) for key, value in asked.items()]
    notes = record.get("notes")
    rows += [("note", note) for note in (notes if isinstance(notes, list) else [])]
    for key, label in (("rebuilt", "residues rebuilt"), ("candidates", "candidates")):
        value = record.get(key)
        if isinstance(value, list) and len(value) > (key == "candidates"):
            rows.append((label, element("span", f"{len(value)}: {', '.join(map(show, value))}", class_="residues")))
    return tables.plain(("How", "value"), rows, "How it was made") if rows else Markup("")
