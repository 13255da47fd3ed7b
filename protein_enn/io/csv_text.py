"""Rows as CSV text that a spreadsheet can open without running anything."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

FORMULA_STARTS = "=+-@\t\r\n"
"""What makes a spreadsheet run a text; a single character, such as a chain called "-", is no formula."""


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """A header and the rows.

    Parameters
    ----------
    rows
        Values by column; others are left out.
    columns
        In their order.

    Returns
    -------
    str
        Undefined values (None, NaN, infinity) are empty. Text stays on one line, and gets an apostrophe before it where
        a spreadsheet would take it for a formula. Numbers stay.

    Examples
    --------
    >>> csv_text([{"name": "=1+1", "score": -1.5}, {"name": "b", "score": None}], ["name", "score"])
    "name,score\\n'=1+1,-1.5\\nb,\\n"
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _inert(row.get(name)) for name in columns} for row in rows)
    return text.getvalue()


def printable(text: str) -> str:
    """The text with characters that could act on a terminal, or that no encoding holds, written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _inert(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        return value
    return ("'" if len(value) > 1 and value[0] in FORMULA_STARTS else "") + printable(value)
