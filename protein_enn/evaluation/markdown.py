"""Tables and numbers as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A pipe table; the one function that writes tables in Markdown.

    Examples
    --------
    >>> print(markdown_table(["set", "chains"], [["`test`", "429"]]))
    | set | chains |
    | --- | --- |
    | `test` | 429 |
    """
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def format_number(value: Any, how: str) -> str:
    """A number by a format specification, or in per cent for "%"; a dash for None.

    Examples
    --------
    >>> format_number(0.123, "%"), format_number(0.123, ".2f"), format_number(None, ".2f")
    ('12.3', '0.12', '–')
    """
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if how == "%" else f"{value:{how}}"
