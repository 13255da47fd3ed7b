"""The style sheet and the scripts of a report, put into the page as they are; their sources are in this folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from protein_enn.report.colors import DARK, HEAT_DARK, HEAT_LIGHT, LIGHT, PICTURE, PLOT, variables

SCRIPTS = ("tables.js", "tracks.js", "heatmap.js")
"""In the order in which they run."""


@cache
def style() -> str:
    """The style sheet: colors, light, dark and printed, then rules that use them."""
    light, dark = variables({**LIGHT, **HEAT_LIGHT}), variables({**DARK, **HEAT_DARK})
    themes = (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        # Paper is white, whatever the screen is.
        f"@media print {{ :root {{ color-scheme: light; {light} }} }}\n"
    )
    return themes + _text("style.css") + PLOT + PICTURE


@cache
def script() -> str:
    """The page's own script: sorts and filters tables, reads values off tracks and heat maps."""
    return "".join(_text(name) for name in SCRIPTS)


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
