"""One scored design: its residues, and the audit of its file."""

from __future__ import annotations

from protein_enn.report import svg
from protein_enn.report.audits import audit_section
from protein_enn.report.html import Markup, element, show
from protein_enn.report.interactive import every_residue, interactive

CHART_LIMIT = 60
"""Designs in the chart of scores; the table holds them all."""


def score_details(row: dict, identifier: str, opened: bool = False) -> Markup:
    """The residues of one scored design, and the audit of its file."""
    name = show(row.get("name"))
    caption = "Log-likelihood of each residue's identity; low values are residues that the model would not choose."
    data = f"{identifier}-data"
    plot = interactive(svg.score_track(name, row["per_residue"]), data, row["per_residue"], caption)
    score = f"{show(row.get('log_likelihood'))} nat per residue"
    return element(
        "details",
        element("summary", element("b", name), element("span", score)),
        plot,
        every_residue(data),
        audit_section(row.get("audit")),
        open=opened,
        id=identifier,
    )
