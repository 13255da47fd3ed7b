"""Tables: sortable ones whose rows can be chosen, and plain ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from protein_enn.report.filters import filters
from protein_enn.report.html import MISSING, Markup, element, join, number, show
from protein_enn.scoring.columns import COLUMNS

FEW = 20
"""Rows up to which the controls that choose rows are folded away."""


class Value(NamedTuple):
    """A number and how a cell shows it."""

    value: object
    text: str


def fixed(value: object, digits: int) -> object:
    """A number with this many decimals; what is none as it is."""
    exact = number(value)
    return value if exact is None else Value(value, _decimals(exact, digits))


def changed(before: object, after: object, digits: int) -> object:
    """Before and after in one cell, which sorts and is downloaded by the value after."""
    sides = [number(side) for side in (before, after)]
    texts = [MISSING if side is None else _decimals(side, digits) for side in sides]
    return Value(after, " → ".join(texts)) if sides[1] is not None else None


def _decimals(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def sortable(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str,
    identifier: str | None = None,
    explained: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    severity: str | None = None,
) -> Markup:
    """A table that the page's script sorts by a click on a header; numbers sort by value, not by how they are shown.

    `explained` says what each column means to who points at its header. With an `identifier` the rows can be chosen and
    downloaded (`filters`): `keys` are then the columns' names in the file, `severity` that of a column of severities.
    """
    names = list(keys or headers)
    titles = [meaning or None for meaning in explained] if explained else [None] * len(names)
    numeric = _numeric(len(headers), rows)
    head = [
        element("th", element("button", h, type="button", title=t), scope="col", class_=side(n), data_key=key)
        for h, t, n, key in zip(headers, titles, numeric, names, strict=True)
    ]
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *[element("tr", *[cell(value) for value in row]) for row in rows]),
        class_="sortable",
        id=f"{identifier}-table" if identifier else None,
    )
    chosen = filters(identifier, names, headers, numeric, severity) if identifier and rows else None
    if chosen and len(rows) < FEW:
        chosen = element(
            "details", element("summary", "Choose rows, download"), chosen, class_="choose", data_print="no"
        )
    return join((chosen, _scroll(table, caption)))


def _numeric(columns: int, rows: Sequence[Sequence[object]]) -> list[bool]:
    """Whether each column holds a number."""
    return [any(isinstance(row[i], Value) or number(row[i]) is not None for row in rows) for i in range(columns)]


def side(is_number: bool) -> str | None:
    """The class of a heading, which is aligned with its numbers."""
    return "number" if is_number else None


def cell(value: object) -> Markup:
    """A table cell; a number carries its full value for sorting and for the reader who points at it."""
    if isinstance(value, Value):
        return element("td", value.text, class_="number", data_value=repr(value.value))
    if number(value) is None:
        return element("td", value if isinstance(value, Markup) else show(value))
    return element("td", show(value), class_="number", data_value=repr(value))


def plain(headers: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> Markup:
    """A table in the order given."""
    head = [
        element("th", h, scope="col", class_=side(n))
        for h, n in zip(headers, _numeric(len(headers), rows), strict=True)
    ]
    body = [element("tr", element("th", row[0], scope="row"), *[cell(value) for value in row[1:]]) for row in rows]
    table = element(
        "table", element("caption", caption), element("thead", element("tr", *head)), element("tbody", *body)
    )
    return _scroll(table, caption)


def _scroll(table: Markup, caption: str) -> Markup:
    """A table wider or longer than its place scrolls in it, by the keyboard too."""
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=caption)


def meaning(column: str) -> str:
    """What a column of a table of scores is, its unit, and which way is better."""
    entry = COLUMNS.get(column)
    return "" if entry is None else "; ".join(filter(None, (entry.meaning, entry.unit, entry.sign)))
