"""Tracks of a refinement along the sequence: confidence, displacement, status, and where outliers are."""

from __future__ import annotations

from collections.abc import Sequence

from protein_enn.report import svg
from protein_enn.report.html import Markup, element, number

STATUSES = ("moved", "kept", "reverted")
LANES, LANE = 303.0, 14.0
"""Where the first lane is, and how far it is to the next."""


def refinement_tracks(name: str, rows: dict[str, list], **place: object) -> Markup:
    """Confidence before and after, displacement by status, a lane for each status, and outliers where they are known.

    All over one residue axis.
    """
    ids, n = rows["id"], len(rows["id"])
    xs, breaks = svg.positions(n), frozenset(svg.chain_starts(ids))
    shown = [v for when in ("before", "after") for v in map(number, rows[f"confidence_{when}"]) if v is not None]
    least = 0.5 if min(shown, default=1.0) >= 0.5 else 0.0
    confidence = svg.Axis(least, 1.0, 150.0, 12.0)
    moves = [number(v) or 0.0 for v in rows["displacement"]]
    top = max(max(moves) * 1.05, 0.1)
    displacement = svg.Axis(0.0, top, 290.0, 182.0)
    thickness = min(max((svg.RIGHT - svg.LEFT) / n * 0.75, 0.9), 9.0)
    parts: list[object] = [
        svg.vertical_axis(confidence, [least + i * (1 - least) / 4 for i in range(5)], "predicted lDDT"),
        element("path", d=svg.curve(xs, rows["confidence_before"], confidence, breaks), class_="before"),
        element("path", d=svg.curve(xs, rows["confidence_after"], confidence, breaks), class_="after"),
        svg.vertical_axis(displacement, svg.ticks(0.0, top, 3), "displacement / Å"),
    ]
    for status in STATUSES:
        bars = "".join(
            f"M{xs[i]:.1f} {displacement(0.0):g}V{displacement(moves[i]):.1f}"
            for i in range(n)
            if rows["status"][i] == status and number(rows["displacement"][i]) is not None
        )
        parts.append(element("path", d=bars, class_=f"bar {status}", stroke_width=f"{thickness:.2f}"))
    lanes = [(status, status, [i for i in range(n) if rows["status"][i] == status]) for status in STATUSES]
    lanes += [
        (f"× {when}", "faulty", [i for i in range(n) if rows[f"outliers_{when}"][i]]) for when in with_outliers(rows)
    ]
    y = LANES
    for label, class_, members in lanes:
        parts += _lane(label, class_, xs, members, y, max((svg.RIGHT - svg.LEFT) / n, 1.0))
        y += LANE
    parts.append(svg.residue_axis(ids, xs, 12.0, y + 1, "residue"))
    description = (
        f"{n} residues: predicted lDDT before (dashed) and after (solid), heavy-atom displacement in angstrom, and "
        "whether each residue was moved, kept or reverted"
    )
    title = f"Residue tracks of {name}"
    return svg.track_figure(title, description, tracks_height(rows), n, 12.0, y - 1, *parts, **place)


def with_outliers(rows: dict[str, list]) -> list[str]:
    """ "before" and "after", as far as the record holds the outliers of its residues."""
    return [when for when in ("before", "after") if rows.get(f"outliers_{when}")]


def tracks_height(rows: dict[str, list]) -> float:
    """Of the picture of the tracks, in its units."""
    return LANES + LANE * (len(STATUSES) + len(with_outliers(rows))) + 43


def _lane(label: str, class_: str, xs: Sequence[float], members: Sequence[int], y: float, width: float) -> list[Markup]:
    """A line over each run of members; at least 1 long, so that one residue of thousands is visible."""
    runs: list[list[int]] = []
    for i in members:
        if runs and runs[-1][1] == i - 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    path = "".join(f"M{xs[a] - width / 2:.1f} {y + 4:g}h{xs[b] - xs[a] + width:.1f}" for a, b in runs)
    return [
        element("path", d=path, class_=f"lane {class_}", stroke_width="8"),
        svg.text(svg.LEFT - 7, y + 8, label, "end", class_="lane-name"),
    ]
