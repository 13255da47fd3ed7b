"""The picture of a refinement: the CA trace before and after, colored by how far residues moved, faults marked.

Both are drawn in one view, in whole units of a box 1000 wide: a page of hundreds of residues stays small. What is
nearer to the viewer lies over what is farther, with a rim of the paper's color where strands cross.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from protein_enn.metrics.outliers import Group, of_group
from protein_enn.report.colors import FAR
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.svg import chain_starts, figure, line, text
from protein_enn.report.traces import Point, points_of, projected

WIDTH, TALLEST, MARGIN, FOOT = 1000.0, 860.0, 46.0, 46.0
LAYERS = 4
"""Of depth; farther ones are fainter."""
FAINT = (0.45, 0.65, 0.85, 1.0)
BROKEN = 5.5
"""Å; CA farther apart than this are not joined. Trans neighbors are 3.8 Å apart, noisy ones a little more."""
_CALLED = {
    "clash": " or ".join(kind.short for kind in of_group("clash")),
    "covalent": f"covalent outlier: {', '.join(kind.short for kind in of_group('covalent'))}",
    "torsion": f"{' or '.join(kind.short for kind in of_group('torsion'))} outlier",
}
_MARKS: dict[Group, str] = {
    "clash": "M-8-8 8 8M8-8-8 8",
    "covalent": "M-19 0 0-19 19 0 0 19z",
    "torsion": "M0-13 11 7h-22z",
}
FAULTS: dict[str, tuple[str, tuple[str, ...], str]] = {
    group: (_CALLED[group], tuple(kind.name for kind in of_group(group)), mark) for group, mark in _MARKS.items()
}
"""What is marked: what it is called, the outliers that count for it, and its mark: a cross in a triangle in a diamond,
so that a residue can have all three."""


@dataclass(frozen=True)
class View:
    """Both traces of n residues in the units of the picture: x to the right, y down, z toward the viewer."""

    before: list[Point | None]
    after: list[Point | None]
    height: float
    unit: float  # of an Å
    depth: tuple[float, float]  # the least and the largest z

    @property
    def tube(self) -> float:
        """How thick a trace is drawn: an Å, within what is visible."""
        return min(max(self.unit, 3.5), 15.0)


def view_from(trace: object, n: int) -> View | None:
    """The view of a record's trace; None where there is none to draw. ValueError for one of another form."""
    if trace is None:
        return None
    if not isinstance(trace, dict):
        raise ValueError("trace must be an object with the lists before and after")
    try:
        before, after = projected(points_of(trace.get("before"), n), points_of(trace.get("after"), n))
    except ValueError as error:
        raise ValueError(f"trace: {error}") from error
    present = [point for point in (*before, *after) if point is not None]
    if not present:
        return None
    xs, ys, zs = zip(*present, strict=True)
    across, up = max(max(xs) - min(xs), 12.0), max(max(ys) - min(ys), 6.0)
    unit = min((WIDTH - 2 * MARGIN) / across, (TALLEST - 2 * MARGIN) / up)
    middle, top = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2 + up / 2

    def scaled(points: list[Point | None]) -> list[Point | None]:
        return [p and (WIDTH / 2 + (p[0] - middle) * unit, MARGIN + (top - p[1]) * unit, p[2]) for p in points]

    return View(scaled(before), scaled(after), up * unit + 2 * MARGIN + FOOT, unit, (min(zs), max(zs)))


def panel(view: View, rows: dict[str, list], when: str, identifier: str | None = None, **place: object) -> Markup:
    """The trace `when` ("before" or "after"); `identifier` names the values of its residues for the page's script."""
    points = view.before if when == "before" else view.after
    colors = [far(moved) for moved in rows["displacement"]]
    breaks = frozenset(chain_starts(rows["id"]))
    parts: list[object] = []
    pieces = list(_pieces(points, breaks, view.unit))
    low, high = view.depth
    layer_of = [min(int((z - low) / max(high - low, 1e-6) * LAYERS), LAYERS - 1) for *_, z in pieces]
    for layer in range(LAYERS):
        here = [piece for piece, of in zip(pieces, layer_of, strict=True) if of == layer]
        if not here:
            continue
        rim = view.tube + 8
        parts.append(element("path", d=_path(here), class_="halo", stroke_width=f"{rim:.1f}"))
        drawn = [
            element("path", d=_path(chosen), class_=f"trace far{k}", stroke_width=f"{view.tube:.1f}")
            for k in range(len(FAR) + 1)
            if (chosen := [piece for piece in here if colors[piece[0]] == k])
        ]
        parts.append(element("g", *drawn, opacity=FAINT[layer]))
    prefix = f"{identifier or 'mark'}-{when}"
    parts += [*_marks(points, rows.get(f"outliers_{when}"), view.tube, prefix), *_ends(points, breaks), _scale(view)]
    at = None
    if identifier is not None:
        parts.append(element("circle", cx="0", cy="0", r="20", class_="here"))
        at = ";".join("" if p is None else f"{p[0]:.0f} {p[1]:.0f}" for p in points)
    description = f"CA trace of {len(points)} residues {when} refinement, colored by displacement, outliers marked"
    return figure(
        f"Trace {when}", description, WIDTH, view.height, *parts,
        class_="view", data_of=identifier, data_at=at, **place,
    )  # fmt: skip


def far(moved: object) -> int:
    """Which of the colors a displacement (Å) has: 0 for a residue that stayed."""
    value = number(moved)
    return 0 if value is None else sum(value > limit for limit in FAR)


def fault_counts(outliers: Sequence[object] | None) -> dict[str, int]:
    """How many residues have each of the FAULTS."""
    return {
        kind: sum(bool(set(str(kinds).split()) & set(names)) for kinds in outliers or ())
        for kind, (_, names, _) in FAULTS.items()
    }


def legend_entries() -> list[tuple[str, Markup]]:
    """What each color and mark means, with a sample of it in a box of 26 by 14."""
    limits = [show(limit) for limit in FAR]
    spans = ["stayed", *(f"to {high} Å" for high in limits[1:]), f"over {limits[-1]} Å"]
    entries = [
        (name, element("path", d="M4 7h18", class_=f"trace far{k}", stroke_width="7")) for k, name in enumerate(spans)
    ]
    for name, _, mark in FAULTS.values():
        place = "translate(13 7) scale(0.36)"
        entries.append((name, element("path", d=mark, class_="wrong", stroke_width="5", transform=place)))
    return entries


def legend() -> Markup:
    """The legend as a list that wraps."""
    return element(
        "ul",
        *[element("li", element("svg", sample, viewBox="0 0 26 14", aria_hidden="true"), name)
          for name, sample in legend_entries()],
        class_="legend",
    )  # fmt: skip


Piece = tuple[int, int, int, int, int, int, int, float]
"""A residue, the ends and the middle point of its curve, its depth: i, x0, y0, x1, y1 (control), x2, y2, z."""


def _pieces(points: list[Point | None], breaks: frozenset[int], unit: float) -> Iterator[Piece]:
    """The curve of each residue: a parabola from the middle to the residue before to that to the next, pulled by CA."""

    def joined(i: int) -> bool:
        """Whether residue i goes on from residue i - 1."""
        if not 0 < i < len(points) or i in breaks:
            return False
        a, b = points[i - 1], points[i]
        if a is None or b is None:
            return False
        flat = ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) / unit**2
        return flat + (a[2] - b[2]) ** 2 <= BROKEN**2

    for i, point in enumerate(points):
        if point is None:
            continue
        x, y, z = point
        ends = []
        for other, is_joined in ((i - 1, joined(i)), (i + 1, joined(i + 1))):
            adjacent = points[other] if is_joined else None
            ends.append(point if adjacent is None else ((x + adjacent[0]) / 2, (y + adjacent[1]) / 2, z))
        (x0, y0, _), (x2, y2, _) = ends
        yield (i, round(x0), round(y0), round(x), round(y), round(x2), round(y2), z)


def _path(pieces: Sequence[Piece]) -> str:
    """Path data of the curves, in relative whole units; one that goes on from the last is not begun anew."""
    parts: list[str] = []
    at: tuple[int, int] | None = None
    for _, x0, y0, x1, y1, x2, y2, _ in pieces:
        if at != (x0, y0):
            parts.append(f"M{x0} {y0}")
        numbers = (x1 - x0, y1 - y0, x2 - x0, y2 - y0)
        parts.append("q" + "".join(f"{' ' if k and v >= 0 else ''}{v}" for k, v in enumerate(numbers)))
        at = (x2, y2)
    return "".join(parts)


def _ends(points: list[Point | None], breaks: frozenset[int]) -> Iterator[Markup]:
    """N and C at the ends of the first chain; names at every chain's would cover an assembly."""
    last = min([b for b in breaks if b] + [len(points)])
    present = [p for p in points[:last] if p is not None]
    if len(present) > 1:
        for name, (x, y, _) in (("N", present[0]), ("C", present[-1])):
            yield element("circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r="7", class_="end")
            yield text(x, y - 22, name, class_="panel")


def _marks(points: list[Point | None], outliers: Sequence[object] | None, tube: float, prefix: str) -> Iterator[Markup]:
    """A mark at the CA of each residue that has a fault: an invisible line with markers for each kind."""
    size = min(max(tube / 15, 0.45), 1.0)
    for kind, (_, names, mark) in FAULTS.items():
        centers = [
            f"{p[0]:.0f} {p[1]:.0f}"
            for p, kinds in zip(points, outliers or (), strict=False)
            if p is not None and set(str(kinds).split()) & set(names)
        ]
        if not centers:
            continue
        name = f"{prefix}-{kind}"
        shape = element("path", d=mark, class_="wrong", stroke_width="4", transform=f"scale({size:.2f})")
        yield element("marker", shape, id=name, markerUnits="userSpaceOnUse", overflow="visible")
        here = {f"marker_{at}": f"url(#{name})" for at in ("start", "mid", "end")}
        line_through = "M" + " ".join(centers) + ("h0" if len(centers) == 1 else "")
        yield element("path", d=line_through, class_=f"marks {kind}", fill="none", **here)


def _scale(view: View) -> Markup:
    """A bar of 10 Å."""
    y = view.height - 16
    bar = line(WIDTH - 30 - 10 * view.unit, y, WIDTH - 30, y, "scale")
    return join((bar, text(WIDTH - 40 - 10 * view.unit, y + 9, "10 Å", "end", class_="panel")))
