"""The scores part of a report: ranked designs, and the residues of each where a record has them."""

from __future__ import annotations

from protein_enn.report import svg, tables
from protein_enn.report.audits import audit_section
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.interactive import every_residue, interactive

CHART_LIMIT = 60
"""Designs in the chart of scores; the table holds them all."""


def scored(row: dict) -> bool:
    """Whether the row holds a score rather than a failure."""
    return not row.get("error") and number(row.get("log_likelihood")) is not None


def score_section(rows: list[dict]) -> Markup:
    """Ranked designs, apart for each mode and each set of weights: values of different ones do not compare."""
    if not rows:
        return element("p", "No design was scored in this run.", class_="note")
    parts: list[Markup] = [
        element(
            "p", "Mean log-likelihood of the sequence given its backbone, in nats per scored residue; higher is better."
        )
    ]
    groups: dict[tuple[str, str, str], list[dict]] = {}
    indices: dict[int, int] = {}
    for index, row in enumerate(rows):
        indices[id(row)] = index
        if scored(row):
            key = (show(row.get("mode")), show(row.get("weights")), show(row.get("weights_sha256")))
            groups.setdefault(key, []).append(row)
    if len(groups) > 1:
        parts.append(
            element("p", "Scores of different modes or weights do not compare and are ranked apart.", class_="note")
        )
    for (mode, weights, sha256), members in groups.items():
        best = tables.ranked(members)
        parts.append(element("h3", f"Mode {mode}, weights {weights}"))
        if len(best) > 1:
            chart = element("figure", svg.score_chart(best[:CHART_LIMIT]))
            note = element("p", f"The chart shows the best {CHART_LIMIT} of {len(best)}.", class_="note")
            parts += [chart, note] if len(best) > CHART_LIMIT else [chart]
        parts.append(tables.score_table(best, f"Ranked by log-likelihood; weights sha256 {sha256}"))
        parts += [
            score_details(row, f"score-{indices[id(row)]}-data")
            for row in best
            if (row.get("per_residue") or {}).get("id")
        ]
    failed = [row for row in rows if not scored(row)]
    if failed:
        parts.append(element("h3", f"Failed ({len(failed)})"))
        parts.append(tables.failure_table(failed, "file", "Designs that were not scored"))
    return join(parts)


def score_details(row: dict, identifier: str, opened: bool = False) -> Markup:
    """The residues of one scored design, and the audit of its file."""
    name = show(row.get("name"))
    caption = "Log-likelihood of each residue's identity; low values are residues that the model would not choose."
    plot = interactive(svg.score_track(name, row["per_residue"]), identifier, row["per_residue"], caption)
    return element(
        "details",
        element("summary", element("b", name), element("span", "per residue")),
        plot,
        every_residue(identifier),
        audit_section(row.get("audit")),
        open=opened,
    )
