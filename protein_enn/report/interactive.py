"""Tracks and tables that the page's script fills from the values embedded next to them."""

from __future__ import annotations

from protein_enn.report.html import Markup, element, embed_json, join, number


def interactive(plot: Markup, identifier: str, rows: dict[str, list], caption: str) -> Markup:
    """A track with the values of its residues, which the page's script shows for the one pointed at."""
    data = element("script", embed_json(packed(rows)), type="application/json", id=identifier)
    figure = element(
        "figure", element("figcaption", caption), plot, element("output", aria_live="polite"),
        class_="interactive", tabindex="0", data_residues=identifier,
    )  # fmt: skip
    return join((data, figure))


def packed(rows: dict[str, list]) -> dict[str, object]:
    """Columns in few bytes: numbers to three decimals; texts that recur once each, with the index of each residue's."""
    return {key: _packed(column) for key, column in rows.items()}


def _packed(column: list) -> object:
    if any(number(value) is not None for value in column):
        return [value if number(value) is None else _short(round(float(value), 3)) for value in column]
    texts = list(dict.fromkeys(map(str, column)))
    if len(texts) * 2 > len(column) or any(not isinstance(value, str) for value in column):
        return column
    index_of = {text: i for i, text in enumerate(texts)}
    return {"words": texts, "at": [index_of[text] for text in column]}


def _short(value: float) -> float | int:
    """Whole numbers without their point."""
    return int(value) if value.is_integer() else value


def every_residue(identifier: str) -> Markup:
    """A table of every residue's values, filled by the page's script when it is opened."""
    table = element("table", element("thead", element("tr")), element("tbody"))
    frame = element("div", table, class_="scroll", tabindex="0", role="region", aria_label="Every residue")
    return element(
        "details", element("summary", "Every residue in a table"), frame,
        data_residues=identifier, data_print="no", class_="needs-script",
    )  # fmt: skip
