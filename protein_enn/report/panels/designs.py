"""The designs in the order of their scores, and the residues of the best where a record has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from protein_enn.report import svg, tables
from protein_enn.report.audits import severity_tag
from protein_enn.report.choice import DESIGN
from protein_enn.report.contents import Contents, Failure
from protein_enn.report.files import File, Source, ends_with, read_json, read_table
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.panel import Maker, Page, Panel, Tile
from protein_enn.report.records import SCORES, check_record, grouped, scored
from protein_enn.report.scored_design import CHART_LIMIT, score_details
from protein_enn.report.sequences import sequence_list
from protein_enn.report.summary import Line, many, names

PER_RESIDUE = ("id", "residue", "log_likelihood", "entropy", "best")
OTHER_SCORES = frozenset({"chain", "interface_score", "models", "sample"})
"""Columns of tables whose log-likelihoods are not one structure's: of chains, interfaces, ensembles, designs."""
OTHER_RECORDS = ("interface", "ensemble")
SHOWN = {
    "name": "name", "log_likelihood": "log-likelihood / nat per residue", "standard_error": "standard error / nat",
    "target_rank": "rank on its backbone", "perplexity": "perplexity", "recovery": "recovery",
    "confidence_after": "predicted lDDT", "clashes": "clashes", "outliers_after": "outliers",
    "residues": "residues", "scored": "scored", "orders": "orders", "seed": "seed", "seconds": "time / s",
    "audit_severity": "audit", "audit_findings": "findings", "sequence": "sequence", "file": "file",
}  # fmt: skip
"""Columns in the order shown, and what they are called."""


def read_records(path: Path, contents: Contents) -> None:
    value = read_json(path)
    records = value if isinstance(value, list) else [value]
    whole = [r for r in records if not (isinstance(r, dict) and r.get("kind") in OTHER_RECORDS)]
    contents[SCORES] += [check_record(record, "score", PER_RESIDUE, str(path)) for record in whole]


def is_ranking(file: File) -> bool:
    return file.is_table("log_likelihood") and OTHER_SCORES.isdisjoint(file.columns)


def read_rows(path: Path, contents: Contents) -> None:
    contents[SCORES] += read_table(path)


def finish(contents: Contents) -> None:
    """A table's row and the record of the same score become one: the record has the residues."""
    kept: dict[tuple, dict] = {}
    for record in contents[SCORES]:
        key = tuple(
            record.get(k)
            for k in ("name", "file", "mode", "orders", "seed", "weights_sha256", "condition", "precision")
        )
        value = number(record.get("log_likelihood"))
        # Rows that differ in their value are two measurements, both shown.
        key += (None if value is None else round(value, 4), record.get("error"))
        found = kept.get(key, {})
        kept[key] = {**record, **found} if found.get("per_residue") else {**found, **record}
    contents[SCORES] = list(kept.values())


def check(contents: Contents) -> None:
    for record in contents[SCORES]:
        check_record(record, "score", PER_RESIDUE, f"score {record.get('name')!r}")


def failures(contents: Contents) -> Iterator[Failure]:
    for row in contents[SCORES]:
        if not scored(row):
            reason = show(row.get("error") or "no value was computed")
            yield Failure(show(row.get("file") or row.get("name")), show(row.get("stage") or "score"), reason)


def makers(contents: Contents) -> Iterator[Maker]:
    for row in filter(scored, contents[SCORES]):
        settings = f"mode {show(row.get('mode'))}, orders {show(row.get('orders'))}, seed {show(row.get('seed'))}"
        settings += f", condition {show(row['condition'])}" if row.get("condition") else ""
        version, weights, sha256 = (show(row.get(key)) for key in ("version", "weights", "weights_sha256"))
        yield "score", version, weights, sha256, settings


def tiles(contents: Contents) -> list[Tile]:
    return [(sum(map(scored, contents[SCORES])), "designs scored")]


def lines(page: Page) -> Iterator[Line]:
    """How many designs each mode scored, and the best of them."""
    for (mode, weights, _, condition), best in grouped(page.contents[SCORES]).items():
        first, conditions = best[0], condition and f", condition {condition}"
        parts: list[object] = [
            f"{many(len(best), 'design')} scored (mode {mode}, weights {weights}{conditions}); the best is ",
            names([first], page.choice.anchors),
            f" with {show(first.get('log_likelihood'))} nat per residue",
        ]
        if number(first.get("perplexity")) is not None:
            parts.append(f", perplexity {show(first['perplexity'], 3)}")
        yield "", join((*parts, "."))


def markup(page: Page) -> Markup:
    """Ranked designs, apart for each mode and each set of weights: values of different ones do not compare."""
    groups, anchors = grouped(page.contents[SCORES]), page.choice.anchors
    if not groups:
        return Markup("")
    introduction = (
        "How well each sequence fits its backbone: the mean log-likelihood of its residues, in nats (natural "
        "logarithm), higher is better. It ranks sequences; it is no measure of stability."
    )
    parts: list[Markup] = [element("p", introduction)]
    if len(groups) > 1:
        parts.append(
            element("p", "Scores of different modes or weights do not compare and are ranked apart.", class_="note")
        )
    for index, ((mode, weights, sha256, condition), best) in enumerate(groups.items(), 1):
        parts.append(element("h3", f"Mode {mode}, weights {weights}{condition and f', condition {condition}'}"))
        name = "designs" if len(groups) == 1 else f"designs-{index}"
        parts.append(_table(best, f"Ranked by log-likelihood; weights sha256 {sha256}", name, anchors))
        parts.append(sequence_list(best))
        parts += _group(best, anchors)
    return join(parts)


def _group(best: list[dict], anchors: Mapping[int, str]) -> Iterator[Markup]:
    """The chart of one group, and the residues of its designs."""
    if len(best) > 1:
        yield element("figure", svg.score_chart(best[:CHART_LIMIT]))
    if len(best) > CHART_LIMIT:
        yield element("p", f"The chart shows the best {CHART_LIMIT} of {len(best)}.", class_="note")
    for row in best:
        if (anchor := anchors.get(id(row), "")).startswith(DESIGN):
            yield score_details(row, anchor)
    with_residues = sum(bool((row.get("per_residue") or {}).get("id")) for row in best)
    shown = sum(id(row) in anchors for row in best)
    if shown < with_residues:
        note = f"Residue by residue: {shown} of {with_residues}. The others' records hold theirs."
        yield element("p", note, class_="note")


def _table(best: list[dict], caption: str, identifier: str, anchors: Mapping[int, str]) -> Markup:
    """The ranking; columns that no row fills are left out."""
    keys = [key for key in SHOWN if any(row.get(key) not in (None, "") for row in best)]
    body = [[rank, *[_cell(key, row, anchors) for key in keys]] for rank, row in enumerate(best, 1)]
    headers = ["rank", *(SHOWN[key] for key in keys)]
    explained = [tables.meaning(key) for key in ("rank", *keys)]
    return tables.sortable(headers, body, caption, identifier, explained, ("rank", *keys), "audit_severity")


def _cell(key: str, row: dict, anchors: Mapping[int, str]) -> object:
    if key == "name" and id(row) in anchors:
        return element("a", show(row.get("name")), href=f"#{anchors[id(row)]}")
    if key == "audit_severity" and row.get(key):
        return severity_tag(row[key])
    if key == "sequence" and row.get(key):
        return element("code", show(row[key]), class_="sequence", title=show(row[key]))
    return row.get(key)


def headline(page: Page) -> Iterator[str]:
    """How many designs have a score."""
    if count := sum(map(scored, page.contents[SCORES])):
        yield f"{many(count, 'design')} scored"


PANEL = Panel(
    key="scores",
    heading="Ranked designs",
    order=30,
    markup=markup,
    kinds=(SCORES,),
    sources=(Source(ends_with("scores.json"), read_records), Source(is_ranking, read_rows)),
    files="scores of whole structures (*.scores.json, tables)",
    finish=finish,
    check=check,
    failures=failures,
    makers=makers,
    lines=lines,
    headline=headline,
    tiles=tiles,
)
