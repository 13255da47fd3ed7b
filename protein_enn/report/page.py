"""The report page: the summary, then the panels in their order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

from protein_enn.io import atomic
from protein_enn.report import panels
from protein_enn.report.contents import FAILURES, Contents, Failure
from protein_enn.report.document import Section, document
from protein_enn.report.html import Markup, element
from protein_enn.report.panel import Page
from protein_enn.report.results import Results
from protein_enn.report.summary import many, summary

DETAILS = 40
"""Structures, designs and scans that are shown residue by residue, unless told otherwise."""


def write_report(
    path: str | Path,
    results: Results | None = None,
    *,
    title: str = "protein_enn report",
    dated: bool = True,
    details: int = DETAILS,
    **fields: Any,
) -> None:
    """Write one HTML file that holds everything it shows and loads nothing.

    Records with an error and missing values (None, NaN) are shown as such. The file is replaced atomically.

    Parameters
    ----------
    path
        The file to write.
    results
        The content, as `load_results` gives it.
    title
        The heading of the page.
    dated
        Whether the page says when it was written. Without a date the same results give the same bytes.
    details
        Structures, designs and scans, the best so many each, that are shown residue by residue; tables hold all.
    **fields
        Content by its name in `Results`, in place of what `results` holds: `refinements=[record]`.

    Raises
    ------
    ValueError
        Naming the record, if its per-residue columns do not fit together.
    TypeError
        For a name that `Results` do not have.
    """
    content = (results or Results()).replaced(**fields)
    for panel in panels.PANELS:
        panel.check(content)
    atomic.write_text(Path(path), page(content, title, dated=dated, details=details))


def page(results: Results, title: str, *, dated: bool = True, details: int = DETAILS) -> str:
    """The whole document."""
    makers = [maker for panel in panels.PANELS for maker in panel.makers(results)]
    content = Page(results, details, failures_of(results), makers)
    shown = [(panel, markup) for panel in panels.PANELS if (markup := panel.markup(content))]
    sections: list[Section] = [(panel.key, panel.heading, markup) for panel, markup in shown]
    if not any(panel.holds_results for panel, _ in shown):
        sections.insert(0, ("nothing", "Nothing to show", _nothing()))
    top = summary(
        (line for panel in panels.PANELS for line in panel.lines(content)),
        (tile for panel in panels.PANELS for tile in panel.tiles(results)),
        content.failures,
    )
    phrases = [phrase for panel in panels.PANELS for phrase in panel.headline(content)]
    failed = many(len(content.failures), "failure") if content.failures else "nothing failed"
    now = [f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"] if dated else []
    headline = " · ".join((*now, ", ".join((*phrases, failed)))) if phrases or content.failures else " · ".join(now)
    styles = [panel.style() for panel, _ in shown if panel.style]
    scripts = [panel.script() for panel, _ in shown if panel.script]
    return document(title, top, sections, headline, styles=styles, scripts=scripts)


def failures_of(contents: Contents) -> Sequence[Failure]:
    """What was listed as failed, and what failed in the records of any panel: each once, by file, stage and reason."""
    failures: dict[tuple[str, ...], Failure] = {}
    for failure in (*contents[FAILURES], *(f for panel in panels.PANELS for f in panel.failures(contents))):
        # A table may give the path where a list gives the name alone.
        failures.setdefault((PurePath(failure.file).name, failure.stage, failure.reason), failure)
    return list(failures.values())


def _nothing() -> Markup:
    sentence = "No structure was refined, no design was scored and nothing was measured in this run."
    return element("p", sentence, class_="note")
