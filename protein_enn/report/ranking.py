"""Designs in the order of their scores, what separates neighbors in it, and a page that shows it.

A difference counts as real (`separated`) where it exceeds twice the standard errors of both, added in quadrature:
these come from the choice of decoding orders alone. A mode without orders has no such error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from protein_enn import chemistry
from protein_enn.io import atomic
from protein_enn.metrics.alignment import match_residues
from protein_enn.metrics.sequence import recovery
from protein_enn.report import svg, tables
from protein_enn.report.document import document, tile_list
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.records import scored
from protein_enn.report.scored_design import CHART_LIMIT, score_details
from protein_enn.scoring.columns import COLUMNS
from protein_enn.structure import Structure

Row = dict[str, Any]
HIDDEN = frozenset({"audit", "per_residue", "kind"})
"""What a row may hold that is no column."""
FIRST = (
    "rank", "name", "log_likelihood", "standard_error", "difference_to_next", "separated", "perplexity", "recovery",
    "identity", "same_sequence_as",
)  # fmt: skip
SHOWN_ONCE = ("mode", "orders", "seed", "weights", "weights_sha256", "condition")
"""Columns that tell how the run was made: on the page they stand above the table where all rows agree."""


def rank_designs(rows: Sequence[Row]) -> list[Row]:
    """The rows best first, with rank, distance to the next one and duplicates; failures last, in their order.

    `same_sequence_as` names the best design with the same chains, in any order.
    """
    best = sorted((row for row in rows if scored(row)), key=lambda row: -row["log_likelihood"])
    best_of: dict[tuple[str, ...], str] = {}
    result: list[Row] = []
    for place, row in enumerate(best):
        after = best[place + 1] if place + 1 < len(best) else None
        gap = None if after is None else row["log_likelihood"] - after["log_likelihood"]
        error = None if after is None else _error_of_difference(row, after)
        first = best_of.setdefault(tuple(sorted(row["sequence"].split("/"))), row["name"])
        result.append({
            "rank": place + 1,
            **row,
            "difference_to_next": gap,
            "separated": None if gap is None or error is None else gap > 2 * error,
            "same_sequence_as": first if first != row["name"] else None,
        })  # fmt: skip
    return result + [row for row in rows if not scored(row)]


def _error_of_difference(a: Row, b: Row) -> float | None:
    """Standard errors of two scores in quadrature; None where one was not estimated."""
    errors = [0.0 if row["mode"] != "conditional" else number(row["standard_error"]) for row in (a, b)]
    estimated = [error for error in errors if error is not None]
    return math.hypot(*estimated) if len(estimated) == 2 else None


def identity(structure: Structure, reference: Structure) -> float:
    """Fraction of residues with the reference's amino acid: index by index where chains are as long, else aligned.

    Residues unknown in either don't count index by index; aligned, the fraction is of the structure's known ones.
    """
    lengths = [[int((s.chains == c).sum()) for c in s.chains.unique()] for s in (structure, reference)]
    if lengths[0] == lengths[1]:
        return recovery(structure.residues, reference.residues, structure.residues != chemistry.UNKNOWN)
    return len(match_residues(structure, reference)[0]) / max(len(structure.sequence.replace("X", "")), 1)


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Columns of the table: what the ranking is about first, `error` last."""
    names = dict.fromkeys(key for row in rows for key in row if key not in HIDDEN and key != "error")
    first = [name for name in FIRST if name in names]
    return [*first, *(name for name in names if name not in first), "error"]


def write_plot(path: str | Path, rows: Sequence[Row]) -> None:
    """The best designs with their standard errors as an SVG file that stands alone."""
    atomic.write_text(Path(path), svg.alone(_chart(rows)))


def write_ranking(path: str | Path, rows: Sequence[Row], title: str) -> None:
    """One HTML file: the ranked table, its plot, the residues of designs with a record, and what the columns mean.

    `rows` as `rank_designs` gives them; a row may hold `per_residue` and `audit` (of `DesignScore.record()`).
    The same rows give the same bytes.
    """
    good = [row for row in rows if scored(row)]
    tiles = tile_list([
        (len(good), "designs ranked"),
        (sum(row["same_sequence_as"] is not None for row in good), "duplicates of a better one"),
        (sum(row.get("audit_severity") in ("warning", "error") for row in good), "with audit warnings"),
        (len(rows) - len(good), "failures"),
    ])  # fmt: skip
    sections = [
        ("ranking", "Ranking", _ranking(rows)),
        ("plot", "Plot", element("figure", _chart(rows)) if good else _none()),
        ("residues", "Residues of the best", _residues(rows)),
        ("columns", "Columns", _columns(rows)),
    ]
    atomic.write_text(Path(path), document(title, tiles, sections))


def _none() -> Markup:
    return element("p", "No design was scored.", class_="note")


def _chart(rows: Sequence[Row]) -> Markup:
    good = [row for row in rows if scored(row)]
    return (
        svg.score_chart(good[:CHART_LIMIT])
        if good
        else svg.figure("Ranked scores", "no design was scored", 100.0, 20.0)
    )


def _ranking(rows: Sequence[Row]) -> Markup:
    """What made the scores, and the table; a column that no row fills is left out."""
    good = [row for row in rows if scored(row)]
    same = [key for key in SHOWN_ONCE if len({show(row.get(key)) for row in good}) == 1]
    same = [key for key in same if good[0].get(key) not in (None, "")]
    made = [join((element("b", f"{key} "), show(good[0].get(key)))) for key in same]
    names = [n for n in columns_of(rows) if n not in same and any(row.get(n) not in (None, "") for row in rows)]
    if "error" in names:
        names.remove("error")
    body = [[_cell(name, row) for name in names] for row in rows]
    caption = "Best first; the log-likelihood of a sequence given its backbone, not a measure of stability."
    return join((
        element("p", join(made, " · "), class_="note residues"),
        tables.sortable(
            [n.replace("_", " ") for n in names], body, caption, "designs", [tables.meaning(n) for n in names], names,
            "audit_severity",
        ),
    ))  # fmt: skip


def _cell(name: str, row: Row) -> object:
    """The value; an error stands below the name. A sequence takes one line, and is there as a whole to copy it."""
    value = row.get(name)
    if name == "name" and row.get("error"):
        return join((value, element("div", row["error"], class_="note")))
    return element("code", value, class_="sequence", title=value) if name == "sequence" and value else value


def _residues(rows: Sequence[Row]) -> Markup:
    detailed = [row for row in rows if (row.get("per_residue") or {}).get("id")]
    if not detailed:
        return element("p", "No design comes with its residues.", class_="note")
    return join(score_details(row, f"residues-{i}", i == 1) for i, row in enumerate(detailed, 1))


def _columns(rows: Sequence[Row]) -> Markup:
    body = [(n, COLUMNS[n].meaning, COLUMNS[n].unit, COLUMNS[n].sign) for n in columns_of(rows) if n in COLUMNS]
    return tables.plain(("Column", "meaning", "unit", "which way is better"), body, "What the columns mean")
