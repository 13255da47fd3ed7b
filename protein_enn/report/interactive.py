"""Tracks and tables that the page's script fills from the values embedded beside them."""

from __future__ import annotations

from protein_enn.report.html import Markup, element, embed_json, join


def interactive(plot: Markup, identifier: str, rows: dict[str, list], caption: str) -> Markup:
    """A track with the values of its residues, which the page's script shows for the one pointed at."""
    data = element("script", embed_json(rows), type="application/json", id=identifier)
    figure = element(
        "figure", element("figcaption", caption), plot, element("output", aria_live="polite"),
        class_="interactive", tabindex="0", data_residues=identifier,
    )  # fmt: skip
    return join((data, figure))


def every_residue(identifier: str) -> Markup:
    """A table of every residue's values, filled by the page's script when it is opened."""
    table = element("table", element("thead", element("tr")), element("tbody"))
    return element(
        "details", element("summary", "Every residue in a table"), element("div", table, class_="scroll"),
        data_residues=identifier,
    )  # fmt: skip
