"""The refined structures: all in one table, then the residues of each that is shown in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protein_enn.metrics.outliers import OUTLIERS
from protein_enn.report import svg, tables
from protein_enn.report.ca_trace import FAULTS, fault_counts, legend, panel, view_from
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.interactive import every_residue, interactive
from protein_enn.report.refinement_tracks import STATUSES, refinement_tracks
from protein_enn.report.sections.audits import audit_section, severity_tag
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


COLUMNS = {
    "structure": "name of the model; a link goes to its residues",
    "residues": "protein residues",
    "moved": "residues whose atoms were moved",
    "kept": "residues left where they were: no better place was expected",
    "reverted": "residues moved and put back, because a check became worse",
    "mean displacement / Å": "root mean square displacement of a residue's heavy atoms, mean over residues",
    "confidence before": "predicted lDDT of the input, mean over residues, 0 to 1; higher is better",
    "confidence after": "predicted lDDT of the result, mean over residues, 0 to 1; higher is better",
    "clashes before": "pairs of heavy atoms that overlap, in the input; fewer is better",
    "clashes after": "pairs of heavy atoms that overlap, in the result; fewer is better",
    "worse": "checks that count more faults after than before, or a confidence lower by more than 0.005; empty: none",
    "time / s": "wall time of the refinement",
    "audit": "the worst that reading the input found",
    "record": "why the record may be of another run than those beside it; empty: nothing speaks for that",
}
"""Columns of the table, and what they mean."""


def refinement_section(records: list[dict], detailed: Sequence[dict], scores: Mapping[str, dict]) -> Markup:
    """A table of all refinements, then the residues of the `detailed` ones; `scores`: score records by structure."""
    done = [record for record in records if not record.get("error")]
    if not done:
        return Markup("")
    places = {id(record): f"structure-{i}" for i, record in enumerate(detailed)}
    rows = [_row(record, places.get(id(record))) for record in done]
    # A column that says nothing of any structure is left out.
    filled = [k for k in range(len(COLUMNS)) if k < 11 or any(row[k] not in (None, "") for row in rows)]
    headers = [name for k, name in enumerate(COLUMNS) if k in filled]
    body = [[row[k] for k in filled] for row in rows]
    keys = [name.split(" / ")[0].replace(" ", "_") for name in headers]
    explained = [COLUMNS[name] for name in headers]
    caption = "Refined structures; confidence is the predicted lDDT (0 to 1)"
    parts = [tables.sortable(headers, body, caption, "structures", explained, keys, "audit")]
    if len(detailed) < len(done):
        told = f"Below, residue by residue: {len(detailed)} of {len(done)} structures. The others' records hold theirs."
        parts.append(element("p", told, class_="note"))
    if len(detailed) > 1:
        options = [element("option", show(r.get("name")), value=places[id(r)]) for r in detailed]
        chooser = element("select", element("option", "choose …", value=""), *options, data_goes=True)
        parts.append(element("div", element("label", element("span", "Go to structure"), chooser), class_="filters"))
    parts += [structure_section(record, i, scores.get(show(record.get("name")))) for i, record in enumerate(detailed)]
    return join(parts)


def _row(r: dict, place: str | None) -> list[object]:
    name = show(r.get("name"))
    worse = worsened(r)
    severity = _dict(r, "audit").get("severity") or r.get("audit_severity")
    return [
        element("a", name, href=f"#{place}") if place else name, r.get("residues"),
        count(r, "moved"), count(r, "kept"), count(r, "reverted"), mean(r, "displacement"),
        mean(r, "confidence_before"), mean(r, "confidence_after"),
        _dict(r, "geometry_before").get("clashes"), _dict(r, "geometry_after").get("clashes"),
        element("span", "; ".join(worse), class_="worse") if worse else "", r.get("seconds"),
        severity_tag(severity) if severity else None,
        element("span", f"stale: {show(r['stale'])}", class_="tag stale") if r.get("stale") else None,
    ]  # fmt: skip


LESS_SURE = 0.005
"""Of the mean predicted lDDT; a smaller fall is not called worse, as in the evaluation of refinement."""


def worsened(record: dict) -> list[str]:
    """Which of the package's own checks a refinement left worse than it found them, in words."""
    before, after = _dict(record, "geometry_before"), _dict(record, "geometry_after")
    found = []
    for name in (kind.count for kind in OUTLIERS.values()):
        a, b = number(before.get(name)), number(after.get(name))
        if a is not None and b is not None and b > a:
            found.append(f"{tables.GEOMETRY[name]} {show(before[name])} → {show(after[name])}")
    was, now = mean(record, "confidence_before"), mean(record, "confidence_after")
    if was is not None and now is not None and now < was - LESS_SURE:
        found.append(f"confidence {was:.4f} → {now:.4f}")
    return found


def _dict(record: dict, key: str) -> dict:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def structure_section(record: dict, index: int, score: dict | None = None) -> Markup:
    """One refined structure: tracks, reasons, geometry, Ramachandran plots, every value, the audit of the input.

    `score`: what its sequence scored, with the same residues.
    """
    name = show(record.get("name"))
    rows = record.get("per_residue")
    what = ", ".join(f"{show(count(record, status))} {status}" for status in STATUSES)
    parts: list[object] = [
        element("p", f"{show(record.get('input'))} → {show(record.get('output'))}", class_="note residues")
    ]
    if rows and rows["id"]:
        parts.append(show_button(index))
    if record.get("stale"):
        parts.append(element("p", element("span", f"Stale: {show(record['stale'])}", class_="tag stale")))
    if rows and rows["id"]:
        identifier = f"structure-{index}-data"
        parts += [portrait(record, identifier)]
        parts += [interactive(refinement_tracks(name, rows), identifier, rows, TRACK_KEY)]
        if score is not None:
            data = f"structure-{index}-score"
            parts += [interactive(svg.score_track(name, score["per_residue"]), data, score["per_residue"], SCORE_KEY)]
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
                svg.ramachandran(
                    when, rows[f"phi_{when}"], rows[f"psi_{when}"], rows["residue"], rows.get(f"outliers_{when}")
                ),
                element("figcaption", f"Ramachandran plot {when} (triangles: glycine; large and red: outliers)"),
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
