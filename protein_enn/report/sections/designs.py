"""The designs in the order of their scores, and the residues of the best where a record has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protein_enn.report import svg, tables
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.interactive import every_residue, interactive
from protein_enn.report.sections.audits import audit_section, severity_tag
from protein_enn.scoring.columns import COLUMNS

ANCHOR = "design-"
"""How the names of the places in this section begin."""
SHOWN = {
    "name": "name", "log_likelihood": "log-likelihood / nat per residue", "standard_error": "standard error / nat",
    "perplexity": "perplexity", "recovery": "recovery", "residues": "residues", "scored": "scored", "orders": "orders",
    "seed": "seed", "seconds": "time / s", "audit_severity": "audit", "audit_findings": "findings", "file": "file",
}  # fmt: skip
"""Columns in the order shown, and what they are called."""
CHART_LIMIT = 60
"""Designs in the chart of scores; the table holds them all."""


def scored(row: dict) -> bool:
    """Whether the row holds a score rather than a failure."""
    return not row.get("error") and number(row.get("log_likelihood")) is not None


def score_section(rows: list[dict], detailed: Mapping[int, str]) -> Markup:
    """Ranked designs, apart for each mode and each set of weights: values of different ones do not compare.

    `detailed`: where on the page the residues of a row are, by the row's `id()`; those in this section are of
    `score_anchor`.
    """
    groups = grouped(rows)
    if not groups:
        return Markup("")
    told = (
        "How well each sequence fits its backbone: the mean log-likelihood of its residues, in nats (natural "
        "logarithm), higher is better. It ranks sequences; it is no measure of stability."
    )
    parts: list[Markup] = [element("p", told)]
    if len(groups) > 1:
        parts.append(
            element("p", "Scores of different modes or weights do not compare and are ranked apart.", class_="note")
        )
    for index, ((mode, weights, sha256, condition), best) in enumerate(groups.items(), 1):
        parts.append(element("h3", f"Mode {mode}, weights {weights}{condition and f', condition {condition}'}"))
        name = "designs" if len(groups) == 1 else f"designs-{index}"
        parts.append(_table(best, f"Ranked by log-likelihood; weights sha256 {sha256}", name, detailed))
        if len(best) > 1:
            parts.append(element("figure", svg.score_chart(best[:CHART_LIMIT])))
        if len(best) > CHART_LIMIT:
            parts.append(element("p", f"The chart shows the best {CHART_LIMIT} of {len(best)}.", class_="note"))
        here = [row for row in best if detailed.get(id(row), "").startswith(ANCHOR)]
        parts += [score_details(row, detailed[id(row)]) for row in here]
        several = sum(bool((row.get("per_residue") or {}).get("id")) for row in best)
        shown = sum(id(row) in detailed for row in best)
        if shown < several:
            told = f"Residue by residue: {shown} of {several}. The others' records hold theirs."
            parts.append(element("p", told, class_="note"))
    return join(parts)


def grouped(rows: Sequence[dict]) -> dict[tuple[str, str, str, str], list[dict]]:
    """Scored rows by mode, weights, their hash and condition ("" for none), each group best first; ties keep order."""
    groups: dict[tuple[str, str, str, str], list[dict]] = {}
    for row in filter(scored, rows):
        made_by = (show(row.get("mode")), show(row.get("weights")), show(row.get("weights_sha256")))
        key = (*made_by, show(row["condition"]) if row.get("condition") else "")
        groups.setdefault(key, []).append(row)
    return {key: tables.ranked(members) for key, members in groups.items()}


def _table(best: list[dict], caption: str, identifier: str, detailed: Mapping[int, str]) -> Markup:
    """The ranking; columns that no row fills are left out."""
    keys = [key for key in SHOWN if any(row.get(key) not in (None, "") for row in best)]
    body = [[rank, *[_cell(key, row, detailed) for key in keys]] for rank, row in enumerate(best, 1)]
    headers = ["rank", *(SHOWN[key] for key in keys)]
    explained = [meaning(key) for key in ("rank", *keys)]
    return tables.sortable(headers, body, caption, identifier, explained, ("rank", *keys), "audit_severity")


def _cell(key: str, row: dict, detailed: Mapping[int, str]) -> object:
    if key == "name" and id(row) in detailed:
        return element("a", show(row.get("name")), href=f"#{detailed[id(row)]}")
    if key == "audit_severity" and row.get(key):
        return severity_tag(row[key])
    return row.get(key)


def score_details(row: dict, identifier: str, opened: bool = False) -> Markup:
    """The residues of one scored design, and the audit of its file."""
    name = show(row.get("name"))
    told = f"{show(row.get('log_likelihood'))} nat per residue"
    caption = "Log-likelihood of each residue's identity; low values are residues that the model would not choose."
    data = f"{identifier}-data"
    plot = interactive(svg.score_track(name, row["per_residue"]), data, row["per_residue"], caption)
    return element(
        "details",
        element("summary", element("b", name), element("span", told)),
        plot,
        every_residue(data),
        audit_section(row.get("audit")),
        open=opened,
        id=identifier,
    )


def meaning(column: str) -> str:
    """What a column of a table of scores is, its unit, and which way is better."""
    known = COLUMNS.get(column)
    return "" if known is None else "; ".join(filter(None, (known.meaning, known.unit, known.sign)))
