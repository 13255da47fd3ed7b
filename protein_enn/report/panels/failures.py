"""What could not be done: file, stage, reason, from records, tables and lists of failures alike."""

from __future__ import annotations

import re
from pathlib import Path

from protein_enn.report import tables
from protein_enn.report.contents import FAILURES, Contents, Failure
from protein_enn.report.files import File, Source, read_table, without_part
from protein_enn.report.html import Markup
from protein_enn.report.panel import Page, Panel

EXPLAINED = (
    "the input, as it was given",
    "the command that could not do it",
    "what was wrong, the command's message",
)


def recognizes(file: File) -> bool:
    """By the header; a list that is called failed must have that header."""
    return file.is_list("file", "reason") or (file.path.suffix == ".tsv" and "failed" in file.path.name)


def read(path: Path, contents: Contents) -> None:
    if not File(path).is_list("file", "reason"):
        raise ValueError(f"{path}: a table of failures has the columns file and reason (and may have stage)")
    stage = stage_of(path)
    contents[FAILURES] += [
        Failure(str(row["file"] or ""), str(row.get("stage") or stage), str(row["reason"] or ""))
        for row in read_table(path)
    ]


def stage_of(path: Path) -> str:
    """failed_refine.tsv, refine.failed.tsv and refine/failed_3.tsv are all of refine."""
    name = without_part(re.sub(r"failed|failures?", "", path.stem))
    return name.strip("._- ") or path.resolve().parent.name


def markup(page: Page) -> Markup:
    if not page.failures:
        return Markup("")
    rows = [(failure.file, failure.stage, failure.reason) for failure in page.failures]
    caption = "What could not be done; everything else on this page was"
    return tables.sortable(("file", "stage", "reason"), rows, caption, "failures", EXPLAINED)


PANEL = Panel(
    key="failures-list",
    heading="Failures",
    order=60,
    markup=markup,
    kinds=(FAILURES,),
    # A benchmark of a job that is called failed is no list of failures: its own panel is asked first.
    sources=(Source(recognizes, read, rank=1),),
    files="lists of failures (*failed*.tsv)",
)
