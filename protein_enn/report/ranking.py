"""Designs in the order of their scores, what separates neighbors in it, and a page that shows it.

A difference counts as real (`separated`) where it exceeds twice its error: over decoding orders, and over backbones
noised by 0.1 Å. It is not known where that was not estimated, or where the backbones are of different targets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import stdev
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
from protein_enn.report.sequences import sequence_list
from protein_enn.scoring.columns import COLUMNS
from protein_enn.scoring.property_columns import CONFIDENCE, INTERFACE, PACKING, SEQUENCE, SHAPE
from protein_enn.structure import Structure

Row = dict[str, Any]
HIDDEN = frozenset({"audit", "per_residue", "kind", "noised"})
"""What a row may hold that is no column."""
FIRST = (
    "rank", "name", "target", "target_rank", "log_likelihood", "standard_error", "noise_error", "difference_to_next",
    "difference_error", "separated", "interface_score", "interface_standard_error", "perplexity", "recovery",
    "identity", "same_sequence_as", *INTERFACE, *SHAPE, *PACKING, *SEQUENCE, *CONFIDENCE,
)  # fmt: skip
SHOWN_ONCE = ("mode", "orders", "seed", "weights", "weights_sha256", "condition", "precision")
"""Columns that tell how the run was made: on the page they stand above the table where all rows agree."""


def rank_designs(rows: Sequence[Row]) -> list[Row]:
    """The rows best first, with rank, distance to the next one and duplicates; failures last, in their order.

    `same_sequence_as` names the best design with the same chains, in any order. A row may have a `target`, whose
    sequence is then its `reference_sequence` unless it has another, and in `noised` its scores on noised backbones.
    """
    best = sorted((row for row in rows if scored(row)), key=lambda row: -row["log_likelihood"])
    best_of: dict[tuple[str, ...], str] = {}
    of_target: Counter[str] = Counter()
    sequence_of = {row["name"]: row.get("sequence") for row in best}
    result: list[Row] = []
    for place, row in enumerate(best):
        after = best[place + 1] if place + 1 < len(best) else None
        first = best_of.setdefault(tuple(sorted(row["sequence"].split("/"))), row["name"])
        target = row.get("target")
        reference = row.get("reference_sequence") or sequence_of.get(target)
        of_target[target or ""] += 1
        result.append({
            "rank": place + 1,
            **row,
            **({} if target is None else {"target_rank": of_target[target]}),
            **({} if reference is None else {"reference_sequence": reference}),
            **({"noise_error": stdev(row["noised"])} if len(row.get("noised") or ()) > 1 else {}),
            **_distance(row, after),
            "same_sequence_as": first if first != row["name"] else None,
        })  # fmt: skip
    return result + [row for row in rows if not scored(row)]


def several_targets(rows: Sequence[Row]) -> str | None:
    """A note where designs of different backbones are in one ranking."""
    names = list(dict.fromkeys(row["target"] for row in rows if scored(row) and row.get("target") is not None))
    if len(names) < 2:
        return None
    some = ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
    return (
        f"{len(names)} different backbones are in this ranking: {some}. "
        "Scores of different backbones differ for reasons other than the sequence: go by target_rank, the place among "
        "designs of the same backbone"
    )


def _distance(row: Row, after: Row | None) -> Row:
    """What separates a design from the next one."""
    if after is None:
        return {"difference_to_next": None, "difference_error": None, "separated": None}
    gap = row["log_likelihood"] - after["log_likelihood"]
    orders, noise = _error_over_orders(row, after), _error_over_noise(row, after)
    error = None if orders is None else math.hypot(orders, noise or 0.0)
    separated = None if error is None else gap > 2 * error
    if (noise is None and separated) or row.get("target") != after.get("target"):
        separated = None  # beyond one of the errors alone, or between what does not compare
    return {"difference_to_next": gap, "difference_error": error, "separated": separated}


def _error_over_orders(a: Row, b: Row) -> float | None:
    """Standard errors of two scores in quadrature; None where one was not estimated."""
    errors = [0.0 if row["mode"] != "conditional" else number(row["standard_error"]) for row in (a, b)]
    estimated = [error for error in errors if error is not None]
    return math.hypot(*estimated) if len(estimated) == 2 else None


def _error_over_noise(a: Row, b: Row) -> float | None:
    """Standard deviation of the difference of two scores over noised backbones; None where that was not estimated.

    Designs with as many residues have the same noise, so that the difference is known for each.
    """
    x, y = (row.get("noised") or () for row in (a, b))
    if len(x) < 2 or len(y) < 2:
        return None
    if len(x) == len(y) and a.get("residues") == b.get("residues"):
        return stdev(one - two for one, two in zip(x, y, strict=True))
    return math.hypot(stdev(x), stdev(y))


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
    names = [name for name in names if name not in ("error", "reference_sequence")]
    body = [[_cell(name, row) for name in names] for row in rows]
    caption = "Best first; the log-likelihood of a sequence given its backbone, not a measure of stability."
    note = several_targets(rows)
    return join((
        element("p", note, class_="note") if note else "",
        element("p", join(made, " · "), class_="note residues"),
        tables.sortable(
            [n.replace("_", " ") for n in names], body, caption, "designs", [tables.meaning(n) for n in names], names,
            "audit_severity",
        ),
        sequence_list(good),
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
