"""The 3D view of refined structures: 3Dmol.js inside the page, one view with a chooser, pictures where it cannot run.

Nothing is loaded and nothing is drawn before the view is scrolled to; atoms come from the records (`coordinates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from protein_enn import chemistry
from protein_enn.report.ca_trace import legend, panel, view_from
from protein_enn.report.colors import FAR
from protein_enn.report.coordinates import check_atoms, packed_trace
from protein_enn.report.html import Markup, element, embed_json, join, number, show
from protein_enn.report.refinement_tracks import STATUSES
from protein_enn.report.traces import points_of

SHOWN = 50
"""Structures that can be chosen; each takes about 20 bytes of the page for an atom."""
ATOMS = 400_000
"""Of all that can be chosen together: a page of some 10 MB."""
LARGEST = 60_000
"""Atoms; a larger structure is shown by its CA trace."""
READ_OUT = ("displacement", "confidence_before", "confidence_after", "error_before", "error_after", "log_likelihood")
"""Columns that are numbers, besides the residue's name, status and reason."""
CONFIDENCE = (0.5, 0.7, 0.9)
LIKELIHOOD = (-3.0, -1.5, -0.5)
"""Nats."""


@dataclass(frozen=True)
class Coloring:
    """A column by which residues are colored: by how many `limits` a number exceeds, or by one of `names`."""

    column: str
    label: str
    limits: tuple[float, ...]
    names: tuple[str, ...]
    entries: tuple[tuple[str, str], ...]  # name of the color and what it means, for each class


def _sure(column: str, label: str, limits: tuple[float, ...]) -> Coloring:
    spans = [f"to {show(limits[0])}", *(f"{show(a)} to {show(b)}" for a, b in pairwise(limits))]
    meanings = [*spans, f"over {show(limits[-1])}"]
    return Coloring(column, label, limits, (), tuple((f"sure{k}", text) for k, text in enumerate(meanings)))


def colorings() -> list[Coloring]:
    """All that there are; a page offers those that one of its structures has values for."""
    far = ["stayed", *(f"to {show(high)} Å" for high in FAR[1:]), f"over {show(FAR[-1])} Å"]
    return [
        _sure("confidence_after", "predicted lDDT after", CONFIDENCE),
        _sure("confidence_before", "predicted lDDT before", CONFIDENCE),
        Coloring("displacement", "displacement / Å", FAR, (), tuple((f"far{k}", text) for k, text in enumerate(far))),
        Coloring("status", "what was done", (), STATUSES, tuple((status, status) for status in STATUSES)),
        _sure("log_likelihood", "log-likelihood / nats", LIKELIHOOD),
    ]


def viewer(records: Sequence[dict], scores: Sequence[dict] = ()) -> Markup:
    """The view of those refinement records that have atoms or a trace; nothing if none has.

    A record's place in `records` is that of its section in the page, `structure-<place>`. `scores` are records of
    scores; one of the same name and residues adds the log-likelihood of each residue. ValueError for a bad record.
    """
    chosen, left_out = _chosen(records, scores)
    if not chosen:
        return Markup("")
    data = [
        element("script", embed_json(values), type="application/json", id=f"view-{k}", class_="view-data")
        for k, (_, values) in enumerate(chosen)
    ]
    offered = [c for c in colorings() if any(c.column in values["columns"] for _, values in chosen)]
    setup = {
        "atoms": chemistry.ATOMS,
        "colorings": [
            {"column": c.column, "label": c.label, "limits": c.limits, "names": c.names,
             "colors": [name for name, _ in c.entries]}
            for c in offered
        ],
    }  # fmt: skip
    options = [
        element("option", values["name"], "" if values["whole"] else " (CA trace)", value=k, data_place=values["place"])
        for k, (_, values) in enumerate(chosen)
    ]
    return element(
        "div",
        element("script", embed_json(setup), type="application/json", id="view-setup"),
        *data,
        _note(len(chosen), left_out),
        _controls(options, offered),
        element("div", class_="stage", tabindex="0", role="application", aria_describedby="view-keys view-read"),
        element("output", id="view-read", aria_live="polite"),
        *[_key(c, k) for k, c in enumerate(offered)],
        element("p", KEYS, class_="note live-only", id="view-keys"),
        _flat(records[chosen[0][0]], chosen[0][0]),
        class_="viewer3d", id="view",
    )  # fmt: skip


KEYS = (
    "Drag to rotate; after a click the wheel zooms; on a touch screen tap the view first, then one finger rotates and "
    "two zoom. Keys, when the view has the focus: arrows rotate, with Shift they move, + and - zoom, 0 shows all, Esc "
    "leaves. What is shown here is also in the tables and tracks of each structure."
)


def viewer_script() -> str:
    """The script of the view: 3Dmol.js with its license, run when the view is first visible, and what drives it."""
    license, library = _text("vendor/LICENSE"), _text("vendor/3Dmol-min.js")
    return f"/*!\n{license}*/\nfunction load3Dmol() {{\n{library}\n}}\n{_text('viewer.js')}"


def viewer_style() -> str:
    """The style sheet of the view."""
    return _text("viewer.css")


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def show_button(place: int) -> Markup:
    """A button that shows the structure of the record at this place in the view."""
    return element("button", "Show in 3D", type="button", class_="to-view live-only", data_view=f"structure-{place}")


def _chosen(records: Sequence[dict], scores: Sequence[dict]) -> tuple[list[tuple[int, dict]], int]:
    """Place and values of the records that can be shown, and how many more there were."""
    likelihoods = {record.get("name"): record["per_residue"] for record in scores if record.get("per_residue")}
    chosen: list[tuple[int, dict]] = []
    budget, left_out = ATOMS, 0
    for place, record in enumerate(records):
        rows = record.get("per_residue")
        if record.get("error") or not rows or not rows["id"]:
            continue
        try:
            m = check_atoms(record.get("atoms"), len(rows["id"]))
        except ValueError as error:
            raise ValueError(f"refinement {record.get('name')!r}: {error}") from error
        if not 0 < m <= LARGEST and view_from(record.get("trace"), len(rows["id"])) is None:
            continue
        if len(chosen) == SHOWN or budget < min(m or len(rows["id"]), LARGEST):
            left_out += 1
            continue
        values = _values(record, rows, m, likelihoods.get(record.get("name")))
        budget -= m if values["whole"] else len(rows["id"])
        chosen.append((place, {**values, "place": f"structure-{place}"}))
    return chosen, left_out


def _values(record: dict, rows: dict[str, list], m: int, score: dict[str, list] | None) -> dict:
    """What the page's script is given of one structure."""
    n = len(rows["id"])
    if 0 < m <= LARGEST:
        atoms, whole = {key: record["atoms"][key] for key in ("unit", "origin", *ATOM_TEXTS)}, True
    else:
        trace = record.get("trace") or {}
        atoms, whole = packed_trace(points_of(trace.get("before"), n), points_of(trace.get("after"), n)), False
    columns: dict[str, list] = {
        "status": [show(v) for v in rows["status"]],
        "reason": [show(v) for v in rows["reason"]],
    }
    if score and set(score["id"]) >= set(rows["id"]):
        log_likelihoods = dict(zip(score["id"], score["log_likelihood"], strict=True))
        rows = {**rows, "log_likelihood": [log_likelihoods[i] for i in rows["id"]]}
    for key in READ_OUT:
        numbers = [number(value) for value in rows.get(key) or ()]
        if any(value is not None for value in numbers):
            columns[key] = [None if value is None else round(value, 3) for value in numbers]
    ids, names = [show(i) for i in rows["id"]], [show(name) for name in rows["residue"]]
    return {"name": show(record.get("name")), "ids": ids, "residues": names, "columns": columns, "atoms": atoms,
            "whole": whole}  # fmt: skip


ATOM_TEXTS = ("counts", "slots", "before", "after")


def _note(shown: int, left_out: int) -> Markup:
    limit = ""
    if left_out:
        limit = (
            f"The page holds the coordinates of the first {shown} of {shown + left_out} structures; "
            "make a report of fewer records to see others. "
        )
    text = f"{limit}Atoms are rounded to 0.01 Å. Without WebGL, without scripts and on paper a picture stands here."
    return element("p", text, class_="note")


def _controls(options: list[Markup], offered: list[Coloring]) -> Markup:
    """Selects, buttons and fields: all of them work by keyboard."""
    colors = [element("option", c.label, value=k) for k, c in enumerate(offered)]
    which = [
        element("button", when, type="button", data_when=when, aria_pressed="true" if when == "after" else "false")
        for when in ("before", "after", "both")
    ]
    return element(
        "div",
        element("label", "Structure ", element("select", *options, id="view-structure")),
        element("label", "Color by ", element("select", *colors, id="view-color")),
        element("span", *which, role="group", aria_label="Which coordinates", class_="choice"),
        element("label", element("input", type="checkbox", id="view-sides"), " side chains"),
        element(
            "span",
            element("label", "Residue ", element("input", type="text", id="view-residue", size="8", autocomplete="off",
                                                 placeholder="A:23", spellcheck="false")),
            element("button", "←", type="button", id="view-previous", aria_label="Previous residue"),
            element("button", "→", type="button", id="view-next", aria_label="Next residue"),
        ),
        element("button", "Show all", type="button", id="view-reset"),
        class_="controls live-only", role="group", aria_label="3D view",
    )  # fmt: skip


def _key(coloring: Coloring, k: int) -> Markup:
    """The legend of a coloring; the page's script shows that of the one chosen."""
    items = [
        element("li", element("i", class_=f"swatch {name}", aria_hidden="true"), meaning)
        for name, meaning in (*coloring.entries, ("none", "no value"))
    ]
    label = element("li", element("b", coloring.label))
    return element("ul", label, *items, class_="legend key live-only", data_coloring=k, hidden=k > 0)


def _flat(record: dict, place: int) -> Markup:
    """The picture of the first structure, which the page's script exchanges for that of another."""
    rows = record["per_residue"]
    view = view_from(record.get("trace"), len(rows["id"]))
    if view is None:
        return Markup("")
    views = [
        element("figure", panel(view, rows, when, f"view-flat-{place}"), element("figcaption", when.capitalize()))
        for when in ("before", "after")
    ]
    name = element("p", element("b", show(record.get("name"))), class_="flat-name")
    return element("div", name, join((element("div", *views, class_="views"), legend())), class_="flat")
