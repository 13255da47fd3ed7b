"""One refined structure: traces, tracks, geometry, why each residue was moved or not, and the audit of its input."""

from __future__ import annotations

from collections.abc import Sequence

from protein_enn.report import svg, tables
from protein_enn.report.audits import audit_section
from protein_enn.report.ca_trace import FAULTS, fault_counts, legend, panel, view_from
from protein_enn.report.geometry import geometry_table
from protein_enn.report.html import Markup, element, join, show
from protein_enn.report.interactive import every_residue, interactive
from protein_enn.report.records import count, field
from protein_enn.report.refinement_tracks import STATUSES, refinement_tracks
from protein_enn.report.viewer import show_button

OPEN_AT_FIRST = 1
"""Structures whose section is open when the page loads."""
TRACK_KEY = (
    "Top: predicted lDDT before (dashed) and after (solid). Below: heavy-atom RMS displacement, what was done with "
    "each residue, and which have a fault (×). Point at a residue, or use the arrow keys, to read its values."
)
SCORE_KEY = (
    "How well each amino acid fits its place: the log-likelihood of the residue's identity in nats. Deep values are "
    "residues that the design model would not choose there."
)
CONTROLS = {"steps": "steps", "seed": "seed", "symmetry": "symmetry", "symmetry_deviation": "off symmetry / Å"}
"""Fields of a record that say how it was made, and what they are called."""


def structure_section(record: dict, index: int, score: dict | None = None) -> Markup:
    """All of one structure; `score`: what its sequence scored, with the same residues."""
    name = show(record.get("name"))
    counts = ", ".join(f"{show(count(record, status))} {status}" for status in STATUSES)
    summary = element(
        "summary", element("b", name), element("span", f"{show(record.get('residues'))} residues: {counts}")
    )
    rows = record.get("per_residue")
    has_residues = bool(rows and rows["id"])
    identifier = f"structure-{index}-data"
    parts: list[object] = [
        element("p", f"{show(record.get('input'))} → {show(record.get('output'))}", class_="note residues"),
        show_button(index) if has_residues else None,
    ]
    if record.get("stale"):
        parts.append(element("p", element("span", f"Stale: {show(record['stale'])}", class_="tag stale")))
    if rows and has_residues:
        parts += [
            ca_traces(record, identifier),
            interactive(refinement_tracks(name, rows), identifier, rows, TRACK_KEY),
        ]
        if score is not None:
            track = svg.score_track(name, score["per_residue"])
            parts.append(interactive(track, f"structure-{index}-score", score["per_residue"], SCORE_KEY))
    parts.append(element("div", geometry_table(record), controls_table(record), class_="columns"))
    if rows and has_residues:
        parts += [reasons_table(rows), ramachandran_plots(rows), every_residue(identifier)]
    parts.append(audit_section(record.get("audit")))
    return element("details", summary, *parts, id=f"structure-{index}", open=index < OPEN_AT_FIRST)


def ca_traces(record: dict, identifier: str) -> Markup:
    """The CA traces before and after, one next to the other where the page is wide enough; nothing without them."""
    rows = record["per_residue"]
    view = view_from(record.get("trace"), len(rows["id"]))
    if view is None:
        return Markup("")
    views = [
        element("figure", panel(view, rows, when, identifier), element("figcaption", ca_trace_caption(rows, when)))
        for when in ("before", "after")
    ]
    return join((element("div", *views, class_="views"), legend()))


def ca_trace_caption(rows: dict[str, list], when: str) -> str:
    """Which of the two it is, and how many residues have each kind of fault."""
    start = when.capitalize()
    if not (outliers := rows.get(f"outliers_{when}")):
        return start
    counts = [f"{n} with a {FAULTS[kind][0].partition(':')[0]}" for kind, n in fault_counts(outliers).items()]
    return f"{start}: of {len(outliers)} residues {', '.join(counts)}"


def ramachandran_plots(rows: dict[str, list]) -> Markup:
    """One before and one after."""
    views = [
        element(
            "figure",
            svg.ramachandran(
                when, rows[f"phi_{when}"], rows[f"psi_{when}"], rows["residue"], rows.get(f"outliers_{when}")
            ),
            element("figcaption", f"Ramachandran plot {when} (triangles: glycine; large and red: outliers)"),
        )
        for when in ("before", "after")
    ]
    return element("div", *views, class_="columns")


def controls_table(record: dict) -> Markup:
    """How it was made: steps, seed and symmetry, then the controls that were asked for, and what they led to."""
    asked = {
        key: value
        for key, value in field(record, "controls").items()
        if value not in (None, False, "") and (key, value) != ("candidates", 1)
    }
    rows: list[tuple[str, object]] = [(label, record.get(key)) for key, label in CONTROLS.items() if record.get(key)]
    rows += [(f"option: {show(key).replace('_', ' ')}", show(value)) for key, value in asked.items()]
    notes = record.get("notes")
    rows += [("note", note) for note in (notes if isinstance(notes, list) else [])]
    for key, label in (("rebuilt", "residues rebuilt"), ("candidates", "candidates")):
        value = record.get(key)
        if isinstance(value, list) and len(value) > (key == "candidates"):
            rows.append((label, element("span", f"{len(value)}: {', '.join(map(show, value))}", class_="residues")))
    return tables.plain(("How", "value"), rows, "How it was made") if rows else Markup("")


def reasons_table(rows: dict[str, list]) -> Markup:
    """Residues by what was done with them and why, neighbors in a chain written as ranges."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (status, reason) in enumerate(zip(rows["status"], rows["reason"], strict=True)):
        groups.setdefault((show(status), show(reason)), []).append(i)
    order = {"reverted": 0, "moved": 1, "kept": 2}
    by_status = sorted(groups.items(), key=lambda item: (order.get(item[0][0], 3), -len(item[1])))
    body = [
        (element("span", status, class_=f"tag {status}" if status in order else "tag"),
         reason, len(members), element("span", ranges(rows["id"], members), class_="residues"))
        for (status, reason), members in by_status
    ]  # fmt: skip
    return tables.plain(("Status", "reason", "residues", "which"), body, "What was done with each residue, and why")


def ranges(ids: Sequence[object], members: Sequence[int]) -> Markup:
    """`A:1–9, A:12`: runs of residues that follow each other in the file and in one chain."""
    runs: list[tuple[int, int]] = []
    for i in members:
        chain = str(ids[i]).rpartition(":")[0]
        if runs and runs[-1][1] == i - 1 and str(ids[i - 1]).rpartition(":")[0] == chain:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    written = [
        show(ids[a]) if a == b else element("span", f"{show(ids[a])}–{show(ids[b]).rpartition(':')[2]}", class_="run")
        for a, b in runs
    ]
    return join(written, ", ")
