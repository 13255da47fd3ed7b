"""What could not be done: file, stage, reason, from records, tables and lists of failures alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from protein_enn.report import tables
from protein_enn.report.html import Markup, show
from protein_enn.report.reading.results import Results
from protein_enn.report.reading.runs import Failure
from protein_enn.report.sections.designs import scored

EXPLAINED = (
    "the input, as it was given",
    "the command that could not do it",
    "what was wrong, in the command's words",
)


def failures_of(results: Results) -> list[Failure]:
    """Each failure once, by its file's name, stage and reason."""
    kept: dict[tuple[str, ...], Failure] = {}
    for failure in _all(results):
        # A table may give the path where a list gives the name alone.
        kept.setdefault((PurePath(failure.file).name, failure.stage, failure.reason), failure)
    return list(kept.values())


def _all(results: Results) -> Iterator[Failure]:
    yield from results.failures
    for record in results.refinements:
        if record.get("error"):
            yield _failure(record, "input", "refine")
    for row in results.scores:
        if not scored(row):
            yield _failure(row, "file", "score")
    for row in results.audits:
        if row.get("error"):
            yield _failure(row, "file", "audit")


def _failure(row: dict, column: str, stage: str) -> Failure:
    file = row.get(column) or row.get("name")
    return Failure(show(file), stage, show(row.get("error") or "no value was computed"))


def failure_section(failures: list[Failure]) -> Markup:
    if not failures:
        return Markup("")
    rows = [(failure.file, failure.stage, failure.reason) for failure in failures]
    caption = "What could not be done; everything else on this page was"
    return tables.sortable(("file", "stage", "reason"), rows, caption, "failures", EXPLAINED)
