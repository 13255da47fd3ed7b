"""Plots as inline SVG: the tracks along a chain, the Ramachandran plot, the ranked scores.

Colors are CSS classes, so that the page's light and dark themes apply. Coordinates are in user units of the viewBox.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from protein_enn.report.html import Markup, element, join, number, show

WIDTH, LEFT, RIGHT = 960.0, 66.0, 948.0
LABEL = "mean log-likelihood / nat per residue (higher is better)"
PLAIN = """text { fill: #5c6675; font: 12px sans-serif; } text.label { fill: #1c2430; } .grid { stroke: #dfe3e9; }
.score { fill: #1f5fbf; } .error { stroke: #1f5fbf; stroke-width: 1.6; opacity: .6; }"""
"""The style sheet of an image that stands alone; many programs that show SVG know no variables in one."""


@dataclass(frozen=True)
class Axis:
    """A linear map of data from `low`..`high` to `start`..`end` in SVG user units."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) within low..high, about `wanted` of them."""
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def text(x: float, y: float, content: object, anchor: str = "middle", **attributes: object) -> Markup:
    return element("text", content, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=class_)


def figure(name: str, description: str, width: float, height: float, /, *parts: object, **attributes: object) -> Markup:
    """An SVG image with a title and a description for those who do not see it."""
    return element(
        "svg", element("title", name), element("desc", description), *parts,
        role="img", aria_label=f"{name}. {description}", viewBox=f"0 0 {width:g} {height:g}", **attributes,
    )  # fmt: skip


def alone(image: Markup, style: str = PLAIN) -> str:
    """An image as a file of its own: with the namespace and the colors that a page gives to all of its images."""
    opening, rest = image.split(">", 1)
    return f'{opening} xmlns="http://www.w3.org/2000/svg">{element("style", Markup(style))}{rest}\n'


def curve(xs: Sequence[float], values: Sequence[object], axis: Axis, breaks: frozenset[int] = frozenset()) -> str:
    """Path data through the values, interrupted where one is missing and before each index in `breaks`."""
    parts: list[str] = []
    drawing = False
    for i, (x, value) in enumerate(zip(xs, values, strict=True)):
        y = number(value)
        if y is None:
            drawing = False
            continue
        continued = drawing and i not in breaks
        # "h0" makes a point that stands alone visible: a zero-length line with round caps is a dot.
        parts.append(f"{'L' if continued else 'M'}{x:.1f} {axis(y):.1f}" + ("" if continued else "h0"))
        drawing = True
    return "".join(parts)


def vertical_axis(axis: Axis, values: Sequence[float], label: str, left: float = LEFT, right: float = RIGHT) -> Markup:
    """Grid lines with their values at the left, and the label of the axis, rotated."""
    middle = (axis.start + axis.end) / 2
    parts = [line(left, axis(v), right, axis(v), "grid") for v in values]
    parts += [text(left - 7, axis(v) + 4, show(v), "end") for v in values]
    parts.append(text(14.0, middle, label, class_="label", transform=f"rotate(-90 14 {middle:.1f})"))
    return join(parts)


def chain_starts(ids: Sequence[object]) -> list[int]:
    """Indices at which the chain in `chain:number` differs from that of the residue before, 0 included."""
    chains = [str(name).rpartition(":")[0] for name in ids]
    return [i for i, chain in enumerate(chains) if i == 0 or chain != chains[i - 1]]


def residue_axis(ids: Sequence[object], xs: Sequence[float], top: float, bottom: float, label: str) -> Markup:
    """Residue numbers below the plot, and a line and the chain's name where a chain starts."""
    n = len(ids)
    starts = chain_starts(ids)
    every = next(k * 10**p for p in range(9) for k in (1, 2, 5) if k * 10**p >= n / 20)
    parts: list[Markup] = []
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        if start:
            parts.append(line(xs[start], top, xs[start], bottom, "chain"))
        if end - start >= n / 40 or len(starts) == 1:
            name = str(ids[start]).rpartition(":")[0]
            parts.append(
                text((xs[start] + xs[end - 1]) / 2, bottom + 34, f"chain {name}" if name else "", class_="label")
            )
    for i in range(0, n, every):
        parts.append(line(xs[i], bottom, xs[i], bottom + 4, "tick"))
        parts.append(text(xs[i], bottom + 17, str(ids[i]).rpartition(":")[2]))
    parts.append(text(RIGHT, bottom + 34, label, "end", class_="label"))
    return join(parts)


def positions(n: int) -> list[float]:
    """The middles of n equal slots between the left and the right edge of a track."""
    return [LEFT + (i + 0.5) * (RIGHT - LEFT) / n for i in range(n)]


def track_figure(
    name: str, description: str, height: float, n: int, top: float, bottom: float, /, *parts: object, **place: object
) -> Markup:
    """A track along the chain, with the cursor that the page's script moves."""
    cursor = line(LEFT, top, LEFT, bottom, "cursor")
    return figure(
        name, description, WIDTH, height, *parts, cursor,
        class_="track", data_n=n, data_left=LEFT, data_right=RIGHT, data_width=WIDTH,
        **place,
    )  # fmt: skip


def score_track(name: str, rows: dict[str, list]) -> Markup:
    """Log-likelihood of each residue's own identity, in nats."""
    ids, n = rows["id"], len(rows["id"])
    xs = positions(n)
    low = min([v for v in map(number, rows["log_likelihood"]) if v is not None] + [-1.0])
    axis = Axis(low * 1.05, 0.0, 150.0, 12.0)
    path = curve(xs, rows["log_likelihood"], axis, frozenset(chain_starts(ids)))
    return track_figure(
        f"Per-residue log-likelihood of {name}", f"{n} residues, nats, higher is better", 196.0, n, 12.0, 150.0,
        vertical_axis(axis, ticks(axis.low, 0.0, 4), "log-likelihood / nat"),
        element("path", d=path, class_="after"),
        residue_axis(ids, xs, 12.0, 154.0, "residue"),
    )  # fmt: skip


def ramachandran(
    name: str,
    phi: Sequence[object],
    psi: Sequence[object],
    residues: Sequence[object],
    outliers: Sequence[object] | None = None,
) -> Markup:
    """Backbone dihedrals in degrees: a dot for each residue that has both, a triangle for a glycine.

    `outliers`: kinds of outliers of each residue, "clash ramachandran"; those with "ramachandran" are marked.
    """
    size, left, top = 300.0, 58.0, 10.0
    across, up = Axis(-180.0, 180.0, left, left + size), Axis(-180.0, 180.0, top + size, top)
    marks = {"dot": "", "glycine": "", "out": ""}
    drawn = 0
    for a, b, residue, kinds in zip(phi, psi, residues, outliers or [""] * len(residues), strict=True):
        x, y = number(a), number(b)
        if x is None or y is None:
            continue
        drawn += 1
        if "ramachandran" in str(kinds).split():
            marks["out"] += f"M{across(x):.1f} {up(y):.1f}h0"
        if residue == "GLY":
            marks["glycine"] += f"M{across(x):.1f} {up(y) - 3.2:.1f}l3 5.6h-6z"
        else:
            marks["dot"] += f"M{across(x):.1f} {up(y):.1f}h0"
    values = [-180.0, -120.0, -60.0, 0.0, 60.0, 120.0, 180.0]
    parts: list[object] = [vertical_axis(up, values, "ψ / °", left, left + size)]
    for v in values:
        parts += [line(across(v), top, across(v), top + size, "grid"), text(across(v), top + size + 17, show(v))]
    parts += [
        line(across(0.0), top, across(0.0), top + size, "zero"),
        line(left, up(0.0), left + size, up(0.0), "zero"),
    ]
    parts.append(text(left + size / 2, top + size + 37, "φ / °", class_="label"))
    parts += [element("path", d=d, class_=f"rama {kind}") for kind, d in marks.items()]
    description = f"{drawn} residues with both angles, of {len(residues)}; glycines are triangles"
    return figure(
        f"Ramachandran plot {name}", description, 372.0, 356.0, *parts, class_="ramachandran", data_points=drawn
    )


def score_chart(rows: Sequence[dict]) -> Markup:
    """Ranked log-likelihoods, each a dot with a bar of one standard error (over orders and noise) either side."""
    values = [number(row.get("log_likelihood")) or 0.0 for row in rows]
    errors = [math.hypot(*(number(row.get(name)) or 0.0 for name in ("standard_error", "noise_error"))) for row in rows]
    low = min(v - e for v, e in zip(values, errors, strict=True))
    high = max(v + e for v, e in zip(values, errors, strict=True))
    margin = max((high - low) * 0.06, 0.02)
    left, bottom = 250.0, 14.0 + 20.0 * len(rows)
    axis = Axis(low - margin, high + margin, left, RIGHT)
    parts: list[object] = []
    for v in ticks(axis.low, axis.high, 6):
        parts += [line(axis(v), 6.0, axis(v), bottom, "grid"), text(axis(v), bottom + 17, show(v))]
    for i, (row, value, error) in enumerate(zip(rows, values, errors, strict=True)):
        y = 20.0 + 20.0 * i
        label = show(row.get("name"))
        parts.append(text(left - 10, y + 4, label if len(label) <= 34 else f"{label[:33]}…", "end"))
        parts.append(line(axis(value - error), y, axis(value + error), y, "error"))
        title = element("title", f"{label}: {show(value)} ± {show(error)} nat")
        parts.append(element("circle", title, cx=f"{axis(value):.1f}", cy=f"{y:.1f}", r="4.5", class_="score"))
    parts.append(text((left + RIGHT) / 2, bottom + 36, LABEL, class_="label"))
    description = f"{len(rows)} designs, best first, with standard errors"
    return figure("Ranked scores", description, WIDTH, bottom + 46, *parts, class_="ranks")
