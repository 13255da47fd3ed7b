"""The top of a page: the run in plain sentences, as the panels give them, and in a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from protein_enn.report.contents import Failure
from protein_enn.report.document import tile_list
from protein_enn.report.html import Markup, element, join, show

NAMED = 6
"""Structures that a sentence names; of more it gives the number."""
FINE, LOOK = "fine", "look"

Line = tuple[str, Markup]
"""A class (fine, look or none) and a sentence."""


def summary(lines: Iterable[Line], tiles: Iterable[tuple[int, str]], failures: Sequence[Failure]) -> Markup:
    """Sentences, then numbers that are not 0; what failed comes last in both."""
    items = [element("li", sentence, class_=class_ or None) for class_, sentence in (*lines, _failed(failures))]
    numbers = [*(tile for tile in tiles if tile[0]), (len(failures), "failures")]
    return join((element("ul", *items, class_="told"), tile_list(numbers)))


def _failed(failures: Sequence[Failure]) -> Line:
    if not failures:
        return FINE, join(("Nothing failed.",))
    stages = {failure.stage: sum(f.stage == failure.stage for f in failures) for failure in failures}
    counts = ", ".join(f"{n} in {show(stage)}" for stage, n in stages.items())
    link = element("a", many(len(failures), "failure"), href="#failures-list")
    return LOOK, join((link, f": {counts}."))


def many(n: int, what: str) -> str:
    """1 design, 2 designs."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def names(records: Sequence[dict], anchors: Mapping[int, str]) -> Markup:
    """The first records by name; `anchors`: where on the page the residues of a record are, by the record's `id()`."""
    named = [
        element("a", show(r.get("name")), href=f"#{anchors[id(r)]}") if id(r) in anchors else show(r.get("name"))
        for r in records[:NAMED]
    ]
    return join((join(named, ", "), f" and {len(records) - NAMED} more" if len(records) > NAMED else None))


def duration(seconds: float) -> str:
    """3 h 5 min, 4 min 2 s, 12 s."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
