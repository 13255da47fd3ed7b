"""Controls that choose rows of a table: a text, a range of a column, a severity, the first so many; and a download."""

from __future__ import annotations

from collections.abc import Sequence

from protein_enn.report.html import Markup, element, join

CLASSES = {"error": "error", "error|warning": "warning or worse", "error|warning|note": "note or worse", "–": "none"}
"""Choices of severity: the cells that each lets through, and what it is called."""


def filters(
    table: str, keys: Sequence[str], headers: Sequence[str], numeric: Sequence[bool], severity: str | None = None
) -> Markup:
    """Controls of the `tables.sortable` of that name, filled and minded by the page's script; hidden without it.

    `numeric` says which columns hold numbers, for the range; `severity` is the key of a column of severities.
    """
    parts = [
        _labeled("Search", element("input", type="search", placeholder=_hint(keys, numeric), data_role="words"), "wide")
    ]
    ranges = [element("option", h, value=str(i)) for i, (h, n) in enumerate(zip(headers, numeric, strict=True)) if n]
    if ranges:
        column = element("select", element("option", "–", value=""), *ranges, data_role="column")
        limits = [
            element("input", type="number", step="any", data_role=role, aria_label=f"{label} of the column chosen",
                    placeholder=label)
            for role, label in (("min", "least"), ("max", "most"))
        ]  # fmt: skip
        parts.append(_labeled("Column", column))
        parts.append(element("span", join(limits, " to "), class_="range"))
    if severity is not None and severity in keys:
        options = [element("option", "all", value="")]
        options += [element("option", label, value=value) for value, label in CLASSES.items()]
        chooser = element("select", *options, data_role="class", data_column=str(list(keys).index(severity)))
        parts.append(_labeled("Severity", chooser))
    top = element("input", type="number", min="1", step="1", data_role="top", class_="short")
    parts.append(_labeled("First", join((top, " rows"))))
    parts.append(element("button", "Clear", type="button", data_role="clear"))
    parts.append(
        element("button", "Download as CSV", type="button", data_role="download", data_name=f"{table}.csv",
                title="The rows shown, with the columns' full values")
    )  # fmt: skip
    parts.append(element("output", aria_live="polite"))
    return element(
        "div", *parts, class_="filters", role="group", aria_label=f"Choose {table}", data_table=f"{table}-table"
    )


def _labeled(label: str, field: Markup, class_: str | None = None) -> Markup:
    return element("label", element("span", label), " ", field, class_=class_)


def _hint(keys: Sequence[str], numeric: Sequence[bool]) -> str:
    """An example of a condition with a column that is there."""
    named = [key for key, n in zip(keys, numeric, strict=True) if n and key.isidentifier() and key != "rank"]
    return f"text, {named[0]}<8, …" if named else "text"
