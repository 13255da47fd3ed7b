"""The colors of a page, light and dark, and the style of the picture of a refinement, in a page or as a file alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

LIGHT = {
    "paper": "#ffffff", "ink": "#1c2430", "soft": "#5c6675", "rule": "#dfe3e9", "wash": "#f5f7f9",
    "accent": "#1f5fbf", "moved": "#1f6fd0", "kept": "#9aa4b2", "reverted": "#d9631e", "good": "#1a7f4b",
    "bad": "#b42318", "far0": "#aab3bf", "far1": "#74a5dc", "far2": "#2f74c8", "far3": "#7747b5", "far4": "#c13f7c",
    "far5": "#e0561b",
}  # fmt: skip
DARK = {
    "paper": "#12161c", "ink": "#e6eaf0", "soft": "#9aa5b4", "rule": "#2c3440", "wash": "#1a2028",
    "accent": "#7db1ff", "moved": "#5aa2ff", "kept": "#6b7686", "reverted": "#ff9a55", "good": "#57c98c",
    "bad": "#ff8a7d", "far0": "#5d6877", "far1": "#3f6fa8", "far2": "#5aa0f2", "far3": "#a98bf2", "far4": "#f07ab5",
    "far5": "#ffa052",
}  # fmt: skip

HEAT_LIGHT = dict(zip(
    (f"heat{k}" for k in range(9)),
    ("#a8480b", "#d9772b", "#f0ab6c", "#f9ddc2", "#eeeeec", "#cfe0f2", "#94bfe6", "#4d8fd1", "#1b5aa6"),
    strict=True,
))  # fmt: skip
HEAT_DARK = dict(zip(
    HEAT_LIGHT,
    ("#ff9f55", "#d57a32", "#a05a28", "#5d4031", "#2b323c", "#2b4462", "#2f66a3", "#4590de", "#8cc1ff"),
    strict=True,
))  # fmt: skip
"""From worse (orange) through as good to better (blue): told apart by all common kinds of color vision, and in gray
the ends differ from the middle."""

FAR = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Å; a residue that moved more than FAR[k] and at most FAR[k + 1] has the color far(k + 1), one that stayed far0."""

PICTURE = """
.trace { fill: none; stroke-linejoin: round; }
.halo { fill: none; stroke: var(--paper); stroke-linejoin: round; }
.far0 { stroke: var(--far0); } .far1 { stroke: var(--far1); } .far2 { stroke: var(--far2); }
.far3 { stroke: var(--far3); } .far4 { stroke: var(--far4); } .far5 { stroke: var(--far5); }
.wrong { fill: none; stroke: var(--bad); stroke-linecap: round; stroke-linejoin: round; }
.end { fill: var(--ink); }
.here { fill: none; stroke: var(--ink); stroke-width: 5; visibility: hidden; }
.scale { stroke: var(--soft); stroke-width: 3; }
svg text.panel { fill: var(--soft); font-size: 27px; }
"""
PLOT = """
svg text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
svg text.lane-name { font-size: 11px; }
svg text.label { fill: var(--ink); font-size: 12.5px; }
.grid { stroke: var(--rule); } .tick, .zero { stroke: var(--soft); } .zero { opacity: .5; }
.chain { stroke: var(--soft); stroke-dasharray: 2 3; }
.before, .after { fill: none; stroke-linecap: round; stroke-linejoin: round; }
.before { stroke: var(--soft); stroke-width: 1.3; stroke-dasharray: 4 3; }
.after { stroke: var(--accent); stroke-width: 1.8; }
.bar, .lane { fill: none; }
.bar.moved, .lane.moved { stroke: var(--moved); } .bar.kept, .lane.kept { stroke: var(--kept); }
.bar.reverted, .lane.reverted { stroke: var(--reverted); }
.lane.faulty { stroke: var(--bad); }
.cursor { stroke: var(--ink); stroke-width: 1; visibility: hidden; }
"""


def variables(colors: Mapping[str, str]) -> str:
    """Declarations of the colors as CSS variables."""
    return " ".join(f"--{name}: {value};" for name, value in colors.items())


def style_alone() -> str:
    """The style of a picture that stands alone: many programs that show SVG know no variables in one."""
    rules = (
        f"svg {{ font-family: system-ui, 'DejaVu Sans', sans-serif; }} .paper {{ fill: var(--paper); }}{PLOT}{PICTURE}"
    )
    light, dark = (re.sub(r"var\(--(\w+)\)", lambda m: named[m[1]], rules) for named in (LIGHT, DARK))  # noqa: B023
    return f"{light}@media (prefers-color-scheme: dark) {{ {dark} }}"
