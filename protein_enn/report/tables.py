"""The tables of a report: sortable ones, the geometry before and after, scores in their rank, metrics, reasons."""

from __future__ import annotations

from collections.abc import Sequence

from protein_enn.metrics.outliers import OUTLIERS, counted_per
from protein_enn.report.filters import filters
from protein_enn.report.html import MISSING, Markup, element, join, number, show

GEOMETRY = {
    "atoms": "heavy atoms",
    **{name: heading for kind in OUTLIERS.values() for name, heading in kind.headings.items()},
}
"""Geometry counts in the order shown, by the names under which a refinement record holds them."""
NOT_JUDGED = frozenset({"atoms", *(kind.evaluated for kind in counted_per("evaluated"))})

MEANINGS = {
    "perplexity": "of the native sequence; lower is better, 20 is chance",
    "recovery_median": "share of native residues predicted, median over chains; higher is better",
    "recovery_pooled": "share of native residues predicted, all residues pooled; higher is better",
    "residues": "residues evaluated",
    "lddt_before": "lDDT to the native, all heavy atoms, input; 0 to 1",
    "lddt_after": "lDDT to the native, all heavy atoms, output; higher is better",
    "ca_lddt_before": "lDDT of Cα atoms, input; 0 to 1",
    "ca_lddt_after": "lDDT of Cα atoms, output; higher is better",
    "improved": "share of models whose lDDT rose by more than 0.005",
    "worse": "share of models whose lDDT fell by more than 0.005; lower is better",
    "clashes_before": "clashes, input",
    "clashes_after": "clashes, output; lower is better",
    "plddt_pearson": "correlation of predicted with true lDDT; higher is better",
    "seconds": "wall time in seconds",
    "spearman": "rank correlation with experiment; higher is better",
    "spearman_per_protein": "rank correlation with experiment, within each protein; higher is better",
    "n": "number of values",
}


def sortable(
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    caption: str,
    identifier: str | None = None,
    explained: Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
    severity: str | None = None,
) -> Markup:
    """A table that the page's script sorts by a click on a header; numbers sort by value, not by how they are shown.

    `explained` says what each column means to who points at its header. With an `identifier` the rows can be chosen and
    downloaded (`filters`): `keys` are then the columns' names in the file, `severity` that of a column of severities.
    """
    names = list(keys or headers)
    titles = [words or None for words in explained] if explained else [None] * len(names)
    numeric = _numeric(len(headers), rows)
    head = [
        element("th", element("button", h, type="button", title=t), scope="col", class_=side(n), data_key=key)
        for h, t, n, key in zip(headers, titles, numeric, names, strict=True)
    ]
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *[element("tr", *[cell(value) for value in row]) for row in rows]),
        class_="sortable",
        id=f"{identifier}-table" if identifier else None,
    )
    chosen = filters(identifier, names, headers, numeric, severity) if identifier and rows else None
    return join((chosen, _scroll(table, caption)))


def _numeric(columns: int, rows: Sequence[Sequence[object]]) -> list[bool]:
    """Whether each column holds a number."""
    return [any(number(row[i]) is not None for row in rows) for i in range(columns)]


def side(is_number: bool) -> str | None:
    """The class of a heading, which stands over its numbers."""
    return "number" if is_number else None


def cell(value: object) -> Markup:
    """A table cell; a number carries its full value for sorting and for the reader who points at it."""
    exact = number(value)
    if exact is None:
        return element("td", value if isinstance(value, Markup) else show(value))
    return element("td", show(value), class_="number", data_value=repr(value))


def plain(headers: Sequence[str], rows: Sequence[Sequence[object]], caption: str) -> Markup:
    """A table in the order given."""
    head = [
        element("th", h, scope="col", class_=side(n))
        for h, n in zip(headers, _numeric(len(headers), rows), strict=True)
    ]
    body = [element("tr", element("th", row[0], scope="row"), *[cell(value) for value in row[1:]]) for row in rows]
    table = element(
        "table", element("caption", caption), element("thead", element("tr", *head)), element("tbody", *body)
    )
    return _scroll(table, caption)


def _scroll(table: Markup, caption: str) -> Markup:
    """A table wider or longer than its place scrolls in it, by the keyboard too."""
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=caption)


def verdict(name: str, before: object, after: object) -> Markup:
    """What became of a count of faults: better, worse or the same, in words and with the change."""
    a, b = number(before), number(after)
    if a is None or b is None:
        return element("span", MISSING)
    if name in NOT_JUDGED or name not in GEOMETRY:
        return element("span", "same" if a == b else f"changed ({_signed(b - a)})", class_="same")
    if a == b:
        return element("span", "same", class_="same")
    return _judged(b - a, better=b < a)


def _judged(change: float, better: bool) -> Markup:
    words = f"{'▲ better' if better else '▼ worse'} ({_signed(change)})"
    return element("span", words, class_="better" if better else "worse")


def _signed(change: float) -> str:
    return ("+" if change > 0 else "") + show(change, 3)


def geometry_table(before: dict, after: dict, quality: Sequence[tuple[str, object, object, bool]] = ()) -> Markup:
    """Counts of geometric faults before and after refinement.

    Above them `quality`: what it is, its value before and after, and whether more of it is better.
    """
    rows: list[tuple[object, ...]] = []
    for label, was, now, rising in quality:
        a, b = number(was), number(now)
        if a is not None and b is not None:
            same = element("span", "same", class_="same")
            rows.append((label, a, b, same if a == b else _judged(b - a, better=(b > a) == rising)))
    names = [name for name in GEOMETRY if name in before or name in after]
    names += [name for name in (before | after) if name not in GEOMETRY]
    rows += [
        (GEOMETRY.get(name, name), before.get(name), after.get(name), verdict(name, before.get(name), after.get(name)))
        for name in names
    ]
    return plain(("Quality", "before", "after", "change"), rows, "Before and after (fewer faults is better)")


def ranked(rows: Sequence[dict]) -> list[dict]:
    """Scored rows with the highest log-likelihood first; ties keep their order."""
    return sorted(rows, key=lambda row: -(number(row.get("log_likelihood")) or 0.0))


def metrics_table(name: str, values: dict) -> Markup:
    """A flat set of metrics by name, with what each means where that is fixed."""
    rows = [(key, value, meaning(key)) for key, value in values.items()]
    return plain(("Metric", "value", "meaning"), rows, f"Measured values of {name}")


def meaning(key: str) -> str:
    """What a metric is; names may carry a prefix such as the data set's (`s669_spearman`)."""
    stems = [stem for stem in MEANINGS if key == stem or key.endswith(f"_{stem}")]
    return MEANINGS[max(stems, key=len)] if stems else ""


def reasons_table(rows: dict[str, list]) -> Markup:
    """Residues by what was done with them and why, neighbours in a chain written as ranges."""
    groups: dict[tuple[str, str], list[int]] = {}
    for i, (status, reason) in enumerate(zip(rows["status"], rows["reason"], strict=True)):
        groups.setdefault((show(status), show(reason)), []).append(i)
    order = {"reverted": 0, "moved": 1, "kept": 2}
    by_status = sorted(groups.items(), key=lambda item: (order.get(item[0][0], 3), -len(item[1])))
    body = [
        (element("span", status, class_=f"tag {status}" if status in order else "tag"),
         reason, len(members), element("span", ranges(rows["id"], members), class_="residues"))
        for (status, reason), members in by_status
    ]  # fmt: skip
    return plain(("Status", "reason", "residues", "which"), body, "What was done with each residue, and why")


def ranges(ids: Sequence[object], members: Sequence[int]) -> Markup:
    """`A:1–9, A:12`: runs of residues that follow each other in the file and in one chain."""
    runs: list[tuple[int, int]] = []
    for i in members:
        chain = str(ids[i]).rpartition(":")[0]
        if runs and runs[-1][1] == i - 1 and str(ids[i - 1]).rpartition(":")[0] == chain:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    written = [
        show(ids[a]) if a == b else element("span", f"{show(ids[a])}–{show(ids[b]).rpartition(':')[2]}", class_="run")
        for a, b in runs
    ]
    return join(written, ", ")
