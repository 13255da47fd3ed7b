"""The table that `design` writes: the sequences of each backbone, the most likely first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from protein_enn.report import tables
from protein_enn.report.audits import severity_tag
from protein_enn.report.contents import Contents, Failure, Kind
from protein_enn.report.files import File, Source, read_table
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.panel import Maker, Page, Panel, Tile
from protein_enn.report.sequences import sequence_list
from protein_enn.report.summary import Line, many

DESIGNS: Kind[list[dict]] = Kind("designs", list)
"""Rows of the table of `design`, those of failures too."""
SHOWN = {
    "name": "name", "sample": "sample", "log_likelihood": "log-likelihood / nat per residue", "recovery": "recovery",
    "temperature": "temperature", "sequence": "sequence", "designed": "designed", "duplicate_of": "duplicate of",
    "low_complexity": "low complexity", "net_charge": "net charge", "cysteines": "cysteines",
    "new_glycosylation_motifs": "new glycosylation motifs", "glycosylation_motifs": "glycosylation motifs",
    "hydrophobic": "hydrophobic", "linked": "linked", "audit_severity": "audit", "output": "structure",
    "seed": "seed", "file": "file",
}  # fmt: skip
"""Columns in the order shown, and what they are called."""


def is_designs(file: File) -> bool:
    return file.is_table("name", "sample", "temperature", "sequence", "log_likelihood")


def read_rows(path: Path, contents: Contents) -> None:
    contents[DESIGNS] += read_table(path)


def sampled(contents: Contents) -> list[dict]:
    """The rows that hold a sequence: backbones in the order given, on each the most likely first."""
    rows = [row for row in contents[DESIGNS] if not row.get("error") and row.get("sequence")]
    place: dict[str, int] = {}
    for row in rows:
        place.setdefault(show(row.get("name")), len(place))

    def key(row: dict) -> tuple[int, float]:
        value = number(row.get("log_likelihood"))
        return place[show(row.get("name"))], float("inf") if value is None else -value

    return sorted(rows, key=key)


def failures(contents: Contents) -> Iterator[Failure]:
    for row in contents[DESIGNS]:
        if row.get("error"):
            yield Failure(
                show(row.get("file") or row.get("name")), show(row.get("stage") or "design"), show(row["error"])
            )


def makers(contents: Contents) -> Iterator[Maker]:
    for row in sampled(contents):
        settings = f"temperature {show(row.get('temperature'))}, seed {show(row.get('seed'))}"
        settings += f", condition {show(row['condition'])}" if row.get("condition") else ""
        version, weights, sha256 = (show(row.get(key)) for key in ("version", "weights", "weights_sha256"))
        yield "design", version, weights, sha256, settings


def lines(page: Page) -> Iterator[Line]:
    """How many sequences were sampled for how many backbones, and how many came twice."""
    if rows := sampled(page.contents):
        backbones = len({show(row.get("name")) for row in rows})
        twice = sum(row.get("duplicate_of") is not None for row in rows)
        parts = f"{many(len(rows), 'sequence')} designed for {many(backbones, 'backbone')}"
        yield "", join((f"{parts}{f', {twice} of them like an earlier one' if twice else ''}.",))


def markup(page: Page) -> Markup:
    rows = sampled(page.contents)
    if not rows:
        return Markup("")
    introduction = (
        "Sequences as they were sampled. The log-likelihood is the mean over the designed residues; it compares "
        "sequences of one backbone, and is no measure of stability."
    )
    keys = [key for key in SHOWN if any(row.get(key) not in (None, "") for row in rows)]
    body = [[_cell(key, row) for key in keys] for row in rows]
    table = tables.sortable(
        [SHOWN[key] for key in keys],
        body,
        "The most likely of each backbone first",
        "sampled",
        [tables.meaning(key) for key in keys],
        keys,
        "audit_severity",
    )
    return join((element("p", introduction), table, sequence_list(rows)))


def _cell(key: str, row: dict) -> object:
    if key == "audit_severity" and row.get(key):
        return severity_tag(row[key])
    if key == "sequence":
        return element("code", show(row[key]), class_="sequence", title=show(row[key]))
    return row.get(key)


def headline(page: Page) -> Iterator[str]:
    """How many sequences there are."""
    if count := len(sampled(page.contents)):
        yield f"{many(count, 'sequence')} designed"


def tiles(contents: Contents) -> list[Tile]:
    return [(len(sampled(contents)), "sequences designed")]


PANEL = Panel(
    key="sequences",
    heading="Designed sequences",
    order=28,
    markup=markup,
    kinds=(DESIGNS,),
    sources=(Source(is_designs, read_rows),),
    files="tables of designs",
    failures=failures,
    makers=makers,
    lines=lines,
    headline=headline,
    tiles=tiles,
)
