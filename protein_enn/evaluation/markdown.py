"""Tables and numbers as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A pipe table, its headings first."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_number(value: Any, how: str) -> str:
    """A number by a format specification, or as per cent for "%"; a dash where there is none."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if how == "%" else f"{value:{how}}"
