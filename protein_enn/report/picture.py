"""The picture of one refinement as an SVG file of its own, for documents: traces, legend, tracks, light and dark."""

from __future__ import annotations

from protein_enn.report.ca_trace import WIDTH as VIEW_WIDTH
from protein_enn.report.ca_trace import fault_counts, legend_entries, panel, view_from
from protein_enn.report.colors import style_alone
from protein_enn.report.html import Markup, element, show
from protein_enn.report.panels.refinement import check_refinement
from protein_enn.report.refinement_tracks import STATUSES, refinement_tracks, tracks_height
from protein_enn.report.svg import WIDTH, alone, figure, text

GAP, HEAD, ROW = 20.0, 30.0, 22.0
COLUMN = WIDTH / 4
"""Of the legend."""


def refinement_picture(record: dict) -> str:
    """SVG text of the picture of a refinement's record; ValueError for a record without residues or without a trace."""
    name = show(record.get("name"))
    check_refinement(record, f"refinement {name!r}")
    rows = record.get("per_residue")
    view = view_from(record.get("trace"), len(rows["id"])) if rows else None
    if not rows or view is None:
        raise ValueError(f"refinement {name!r}: its record holds no trace to draw; refine it again with this version")
    width = (WIDTH - GAP) / 2
    height = view.height / VIEW_WIDTH * width
    parts: list[object] = []
    for when, x in (("before", 0.0), ("after", width + GAP)):
        faults = fault_counts(rows.get(f"outliers_{when}"))
        counts = f"{faults['clash']} residues with a clash, {faults['covalent']} covalent, {faults['torsion']} torsion"
        parts.append(text(x + 6, 18.0, f"{when}: {counts}", "start", class_="label"))
        parts.append(panel(view, rows, when, x=f"{x:g}", y=f"{HEAD:g}", width=f"{width:g}", height=f"{height:.1f}"))
    y = HEAD + height + 18
    parts += _legend(y)
    y += ROW * 3 + 8
    depth = tracks_height(rows)
    parts.append(refinement_tracks(name, rows, x="0", y=f"{y:.1f}", width=f"{WIDTH:g}", height=f"{depth:g}"))
    done = ", ".join(f"{rows['status'].count(status)} {status}" for status in STATUSES)
    paper = element("rect", width="100%", height="100%", class_="paper")
    return alone(figure(f"Refinement of {name}", done, WIDTH, y + depth, paper, *parts), style_alone())


def _legend(y: float) -> list[Markup]:
    """Samples with their meaning, four to a row: the marks, which are wordy, take two columns."""
    parts: list[Markup] = []
    column = 0
    for name, sample in legend_entries():
        wide = 2 if len(name) > 20 else 1
        if column % 4 + wide > 4:
            column += 4 - column % 4
        x, top = 20 + COLUMN * (column % 4), y + ROW * (column // 4)
        parts.append(element("g", sample, transform=f"translate({x:g} {top - 11:g})"))
        parts.append(text(x + 32, top, name, "start"))
        column += wide
    return parts
