"""A panel: one section of a report with all that belongs to it, the files, their reader, the checks and the markup.

Each module of `protein_enn.report.panels` makes one. A panel also says what its content adds to the page's summary, to
the list of failures and to the table of what made the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from protein_enn.report.choice import Choice, choose
from protein_enn.report.contents import Contents, Failure, Kind
from protein_enn.report.files import Source
from protein_enn.report.html import Markup
from protein_enn.report.summary import Line

Maker = tuple[str, str, str, str, str]
"""What made a record: its kind, the version, the weights, their sha256, and the settings."""
Tile = tuple[int, str]
"""A number, and what it counts."""


@dataclass(frozen=True)
class Page:
    """What panels make their markup of."""

    contents: Contents
    details: int
    """Structures, designs and scans, the best so many each, that are shown residue by residue."""
    failures: Sequence[Failure]
    """Of all panels, each once."""
    makers: Sequence[Maker]
    """Of all records that any panel has."""

    @cached_property
    def choice(self) -> Choice:
        """Which structures and designs are shown residue by residue."""
        return choose(self.contents, self.details)


def _none(_: object) -> tuple[()]:
    return ()


def _nothing(_: Contents) -> None:
    return None


@dataclass(frozen=True)
class Panel:
    """One section of the page; what there is nothing of gives no markup."""

    key: str
    """The section's identifier in the page."""
    heading: str
    order: int
    """Sections stand in the order of these numbers."""
    markup: Callable[[Page], Markup]
    kinds: tuple[Kind[Any], ...] = ()
    """What its files hold: names that `Results` takes."""
    sources: tuple[Source, ...] = ()
    files: str = ""
    """Its files, as an error names them."""
    finish: Callable[[Contents], None] = _nothing
    """Called when all files are read."""
    check: Callable[[Contents], None] = _nothing
    """Raises ValueError, naming the record, for content that cannot be shown."""
    failures: Callable[[Contents], Iterable[Failure]] = _none
    makers: Callable[[Contents], Iterable[Maker]] = _none
    lines: Callable[[Page], Iterable[Line]] = _none
    """Sentences of the summary."""
    headline: Callable[[Page], Iterable[str]] = _none
    """A few words under the title."""
    tiles: Callable[[Contents], Iterable[Tile]] = _none
    style: Callable[[], str] | None = None
    """A style sheet of its own, put into pages that have this section."""
    script: Callable[[], str] | None = None
    holds_results: bool = True
    """Whether a page of this section alone has something to show."""
