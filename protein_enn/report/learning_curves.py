"""Learning curves as one picture: a panel for each task, a line for each way, against the fraction of the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from protein_enn.report.html import Markup, element, join, show
from protein_enn.report.svg import Axis, figure, line, text, ticks

Points = Sequence[tuple[float, float, float]]
"""Fraction of the data, value, half the range of seeds."""
PANEL, HEIGHT, MARGIN = 330.0, 300.0, 62.0
LINES = {
    "nowhere": ("#8a8f98",), "loss": ("#c77700", "#e3a83b"), "input": ("#7747b5", "#b48be0"),
    "architecture": ("#0b6e4f", "#1f9d74", "#1f5fbf", "#0b2f6b", "#c13f7c", "#e0561b"),
}  # fmt: skip
"""Colors of the ways, by where their symmetry comes from."""
STYLE = """text { fill: #5c6675; font: 12px system-ui, "DejaVu Sans", sans-serif; } text.label { fill: #1c2430; }
text.panel { fill: #1c2430; font-size: 14px; } .grid { stroke: #dfe3e9; } .paper { fill: #ffffff; }"""


def learning_curves(
    panels: Mapping[str, tuple[str, Mapping[str, Points]]],
    names: Mapping[str, str],
    where: Mapping[str, str],
    data: str = "training clusters",
) -> Markup:
    """The picture: by title, what the values are and the points by way; the name of each way and where it belongs.

    `data` is what the fractions are of.
    """
    colors = _colors(list(names), where)
    width = len(panels) * (PANEL + MARGIN) + 20
    legend = math.ceil(len(names) / 4)
    parts: list[object] = [element("rect", width="100%", height="100%", class_="paper")]
    for i, (title, (label, lines)) in enumerate(panels.items()):
        parts.append(_panel(i * (PANEL + MARGIN) + MARGIN, title, label, data, lines, colors))
    for i, (way, name) in enumerate(names.items()):
        x, y = 30.0 + (i % 4) * (width - 40) / 4, HEIGHT + 92 + 20 * (i // 4)
        parts.append(_stroke(f"M{x:.1f} {y:.1f}h26", colors[way]))
        parts.append(text(x + 34, y + 4, name, "start", class_="label"))
    description = "; ".join(f"{title}: {label}" for title, (label, _) in panels.items())
    return figure("Learning curves", description, width, HEIGHT + 92 + 20 * legend, *parts)


def _panel(
    left: float, title: str, label: str, data: str, lines: Mapping[str, Points], colors: Mapping[str, str]
) -> Markup:
    values = [v for points in lines.values() for _, v, _ in points]
    fractions = sorted({fraction for points in lines.values() for fraction, _, _ in points})
    low, high = min(values), max(values)
    margin = max((high - low) * 0.08, 1e-3)
    up = Axis(low - margin, high + margin, HEIGHT, 40.0)
    across = Axis(math.log(fractions[0]) - 0.2, math.log(fractions[-1]) + 0.2, left, left + PANEL)
    parts: list[object] = [text(left + PANEL / 2, 24.0, title, class_="panel")]
    for value in ticks(up.low, up.high, 5):
        parts += [
            line(left, up(value), left + PANEL, up(value), "grid"),
            text(left - 6, up(value) + 4, show(value), "end"),
        ]
    for fraction in fractions:
        x = across(math.log(fraction))
        parts += [line(x, 40.0, x, HEIGHT, "grid"), text(x, HEIGHT + 17, f"{100 * fraction:g} %")]
    for way, points in lines.items():
        drawn = [(across(math.log(fraction)), up(value)) for fraction, value, _ in points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in drawn)
        for (x, _), (_, value, spread) in zip(drawn, points, strict=True):
            path += (
                f"M{x:.1f} {up(value - spread):.1f}V{up(value + spread):.1f}"
                if spread
                else f"M{x:.1f} {up(value):.1f}h0"
            )
        parts.append(element("g", element("title", way), _stroke(path, colors[way])))
    parts.append(text(left + PANEL / 2, HEIGHT + 36, data, class_="label"))
    parts.append(text(left + PANEL / 2, HEIGHT + 54, label, class_="label"))
    return join(parts)


def _stroke(path: str, color: str) -> Markup:
    return element(
        "path", d=path, stroke=color, fill="none", stroke_width="2", stroke_linecap="round", stroke_linejoin="round"
    )


def _colors(ways: Sequence[str], where: Mapping[str, str]) -> dict[str, str]:
    used: dict[str, int] = {}
    colors = {}
    for way in ways:
        source = where[way]
        palette = LINES[source]
        colors[way] = palette[used.get(source, 0) % len(palette)]
        used[source] = used.get(source, 0) + 1
    return colors
