"""Geometry and quality of a structure before and after refinement: which counts rose, and a table of all."""

from __future__ import annotations

from protein_enn.metrics.outliers import OUTLIERS, counted_per
from protein_enn.report import tables
from protein_enn.report.html import MISSING, Markup, element, number, show
from protein_enn.report.records import field, mean

GEOMETRY = {
    "atoms": "heavy atoms",
    **{name: heading for kind in OUTLIERS.values() for name, heading in kind.headings.items()},
}
"""Geometry counts in the order shown, by the names under which a refinement record holds them."""
NO_FAULTS = frozenset({"atoms", *(kind.evaluated for kind in counted_per("evaluated"))})
"""Counts of which neither more nor fewer is better."""
LESS_SURE = 0.005
"""Of the mean predicted lDDT; a smaller change is called neither better nor worse, as in the evaluation."""
QUALITY = {
    "confidence": ("predicted lDDT, mean", True, LESS_SURE),
    "error": ("predicted error / Å, mean", False, 0.05),
}
"""Columns of a record: what their means are called, whether more is better, and the least change that counts."""


def worsened(record: dict) -> list[str]:
    """Which of the package's own checks a refinement left worse than before, one sentence part each."""
    before, after = field(record, "geometry_before"), field(record, "geometry_after")
    worse = []
    for name in (kind.count for kind in OUTLIERS.values()):
        a, b = number(before.get(name)), number(after.get(name))
        if a is not None and b is not None and b > a:
            worse.append(f"{GEOMETRY[name]} {show(before[name])} → {show(after[name])}")
    was, now = mean(record, "confidence_before"), mean(record, "confidence_after")
    if was is not None and now is not None and now < was - LESS_SURE:
        worse.append(f"confidence {was:.4f} → {now:.4f}")
    return worse


def geometry_table(record: dict) -> Markup | None:
    """Means of the predicted quality, then counts of geometric faults; None for a record without either."""
    if not record.get("per_residue") and all(record.get(f"geometry_{when}") is None for when in ("before", "after")):
        return None
    rows: list[tuple[object, ...]] = []
    for column, (label, rising, least) in QUALITY.items():
        a, b = mean(record, f"{column}_before"), mean(record, f"{column}_after")
        if a is not None and b is not None:
            same = element("span", "same", class_="same")
            told = same if abs(b - a) < least else _better_or_worse(b - a, better=(b > a) == rising)
            rows.append((label, tables.fixed(a, 3), tables.fixed(b, 3), told))
    before, after = field(record, "geometry_before"), field(record, "geometry_after")
    names = [name for name in GEOMETRY if name in before or name in after]
    names += [name for name in (before | after) if name not in GEOMETRY]
    rows += [
        (GEOMETRY.get(name, name), before.get(name), after.get(name), change(name, before.get(name), after.get(name)))
        for name in names
    ]
    return tables.plain(("Quality", "before", "after", "change"), rows, "Before and after (fewer faults is better)")


def change(name: str, before: object, after: object) -> Markup:
    """What became of a count of faults: better, worse or the same, and by how much."""
    a, b = number(before), number(after)
    if a is None or b is None:
        return element("span", MISSING)
    if name in NO_FAULTS or name not in GEOMETRY:
        return element("span", "same" if a == b else f"changed ({_signed(b - a)})", class_="same")
    if a == b:
        return element("span", "same", class_="same")
    return _better_or_worse(b - a, better=b < a)


def _better_or_worse(difference: float, better: bool) -> Markup:
    text = f"{'▲ better' if better else '▼ worse'} ({_signed(difference)})"
    return element("span", text, class_="better" if better else "worse")


def _signed(difference: float) -> str:
    return ("+" if difference > 0 else "") + show(difference, 3)
