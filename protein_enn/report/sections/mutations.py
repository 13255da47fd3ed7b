"""What scans say of mutations: a heat map and the best ones for each structure, and mutants that were named."""

from __future__ import annotations

import json
from collections.abc import Sequence

from protein_enn.report import heatmap, tables
from protein_enn.report.html import Markup, element, embed_json, join, number, show
from protein_enn.report.reading.scans import AMINO_ACIDS, Scan
from protein_enn.report.sections.designs import meaning

BEST = 15
"""Mutations in the table of each scan."""
HINT = (
    "Columns are residues with the wild type above them (a dot marks its own cell), rows the amino acids put there. "
    "Point at a cell, or use the arrow keys, to read it."
)
MUTANTS = ("name", "mutations", "score", "ddg_like", "additive", "interaction")


def mutation_section(scans: Sequence[Scan], mutants: Sequence[dict], limit: int) -> Markup:
    """Heat maps of the first `limit` scans, and a table of named mutants."""
    if not scans and not mutants:
        return Markup("")
    told = (
        "The score is the natural-log odds of the mutant over the amino acid that is there, in nats: above 0 the model "
        "prefers the mutant. Where the weights are calibrated, −ΔΔG in kcal/mol is given too, positive where the "
        "mutation stabilises. It is a prediction, not a measurement."
    )
    parts: list[Markup] = [element("p", told)]
    parts += [_scan(scan, f"scan-{i}", i < 3) for i, scan in enumerate(scans[:limit])]
    if len(scans) > limit:
        rest = ", ".join(show(scan.name) for scan in scans[limit:])
        parts.append(element("p", f"Not drawn: {len(scans) - limit} more scans ({rest}).", class_="note residues"))
    if mutants:
        parts += [element("h3", "Named mutants"), _mutants(mutants)]
    return join(parts)


def _scan(scan: Scan, identifier: str, opened: bool) -> Markup:
    """One structure's heat map with its scale, its source and its best mutations."""
    limit = heatmap.limit_of(scan)
    values = [row[AMINO_ACIDS.index(letter)] for row in scan.scores for letter in heatmap.ORDER]
    data = {
        "ids": scan.ids, "wild": scan.wild, "letters": heatmap.ORDER, "slope": scan.slope,
        "scores": [None if v is None else round(100 * v) for v in values],
    }  # fmt: skip
    grid = {"left": heatmap.LEFT, "top": heatmap.TOP, "cell": heatmap.CELL, "row": heatmap.ROW,
            "across": heatmap.ACROSS}  # fmt: skip
    figure = element(
        "figure", element("figcaption", HINT), heatmap.scale(limit), element("output", aria_live="polite"),
        *heatmap.panels(scan, limit),
        class_="mutations", tabindex="0", data_scan=f"{identifier}-data", data_grid=json.dumps(grid),
        role="group", aria_label=f"Heat map of {show(scan.name)}: arrow keys read its cells",
    )  # fmt: skip
    made = ("estimator", "calibration", "weights", "weights_sha256", "condition", "file")
    words = [join((element("b", f"{key} "), show(scan.source[key]))) for key in made if scan.source.get(key)]
    better = sum(v is not None and v > 0 for row in scan.scores for v in row)
    return element(
        "details",
        element(
            "summary",
            element("b", show(scan.name)),
            element("span", f"{len(scan.ids)} residues, {better} mutations above 0"),
        ),
        element("script", embed_json(data), type="application/json", id=f"{identifier}-data"),
        figure,
        element("p", join(words, " · "), class_="note residues"),
        _best(scan),
        id=identifier,
        open=opened,
    )


def _best(scan: Scan) -> Markup:
    """The mutations with the highest scores."""
    every = [
        (score, i, letter)
        for i, row in enumerate(scan.scores)
        for letter, score in zip(AMINO_ACIDS, row, strict=True)
        if score is not None and letter != scan.wild[i]
    ]
    every.sort(key=lambda item: -item[0])
    rows = []
    for score, i, letter in every[:BEST]:
        chain, _, place = scan.ids[i].rpartition(":")
        row: list[object] = [f"{chain}:{scan.wild[i]}{place}{letter}", score]
        rows.append(row if scan.slope is None else [*row, score * scan.slope])
    headers = ["mutation", "score / nat", "−ΔΔG / kcal/mol"][: 2 if scan.slope is None else 3]
    explained = ["chain, wild type, author number with insertion code, mutant", meaning("score"), meaning("ddg_like")]
    caption = f"The {len(rows)} highest of {len(every)} mutations; the scan's table holds all"
    return tables.sortable(headers, rows, caption, explained=explained[: len(headers)])


def _mutants(rows: Sequence[dict]) -> Markup:
    keys = [key for key in MUTANTS if any(row.get(key) is not None for row in rows)]
    ordered = sorted(rows, key=lambda row: -(number(row.get("score")) or 0.0))
    headers = {"ddg_like": "−ΔΔG / kcal/mol", "score": "score / nat", "additive": "additive / nat",
               "interaction": "interaction / nat"}  # fmt: skip
    body = [[row.get(key) for key in keys] for row in ordered]
    names = [headers.get(key, key) for key in keys]
    return tables.sortable(names, body, "Mutants that were named", "mutants", [meaning(key) for key in keys], keys)
