"""The run in plain words and in a few numbers: what was done, what is better, what needs a look."""

from __future__ import annotations

from collections.abc import Sequence

from protein_enn.metrics.outliers import by_group
from protein_enn.report.document import tile_list
from protein_enn.report.html import Markup, element, join, number, show
from protein_enn.report.reading.results import Results
from protein_enn.report.reading.runs import Failure
from protein_enn.report.sections.designs import grouped, scored
from protein_enn.report.sections.refinement import count, mean, worsened

NAMED = 6
"""Structures that a sentence names; of more it gives the number."""
FINE, LOOK = "fine", "look"


def summary_section(results: Results, failures: Sequence[Failure], inputs: Sequence[dict], anchors: dict) -> Markup:
    """Sentences, then tiles. `anchors`: where on the page the residues of a record are, by the record's `id()`."""
    told = [*_refined(results, anchors), *_designs(results, anchors), *_mutations(results), *_inputs(inputs)]
    told += [*_time(results), *_failed(failures)]
    lines = [element("li", words, class_=class_ or None) for class_, words in told]
    return join((element("ul", *lines, class_="told"), _tiles(results, failures)))


Line = tuple[str, Markup]
"""A class (fine, look or none) and a sentence."""


def _refined(results: Results, anchors: dict) -> list[Line]:
    done = [record for record in results.refinements if not record.get("error")]
    if not done:
        return []
    with_residues = [record for record in done if record.get("per_residue")]
    changed = [record for record in with_residues if count(record, "moved")]
    parts = [
        f"{_many(len(done), 'structure')} refined: {len(changed)} changed, {len(with_residues) - len(changed)} left as "
        f"they were; {sum(count(r, 'moved') or 0 for r in changed):,} of "
        f"{sum(len(r['per_residue']['id']) for r in with_residues):,} residues moved."
    ]
    pairs = [(mean(r, "confidence_before"), mean(r, "confidence_after")) for r in with_residues]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if known:
        before, after = (sum(side) / len(known) for side in zip(*known, strict=True))
        parts.append(f" Predicted lDDT, mean over structures: {before:.3f} before, {after:.3f} after.")
    lines = [("", join(parts))]
    judged = [r for r in with_residues if r.get("geometry_before") and r.get("geometry_after")]
    worse = [record for record in judged if worsened(record)]
    checks = ", ".join([*(kind.short for kind in by_group()), "predicted lDDT"])
    if judged and not worse:
        lines.append((FINE, join(("Nothing is worse by the package's own checks (", checks, ")."))))
    elif worse:
        words = (
            f"Worse in at least one of the package's own checks: {len(worse)} of {len(judged)} (",
            _names(worse, anchors),
            "); the column “worse” says in which.",
        )
        lines.append((LOOK, join(words)))
    stale = [record for record in done if record.get("stale")]
    if stale:
        lines.append(
            (LOOK, join((f"Possibly of another run: {_many(len(stale), 'record')} (", _names(stale, anchors), ").")))
        )
    return lines


def _names(records: Sequence[dict], anchors: dict) -> Markup:
    named = [
        element("a", show(r.get("name")), href=f"#{anchors[id(r)]}") if id(r) in anchors else show(r.get("name"))
        for r in records[:NAMED]
    ]
    return join((join(named, ", "), f" and {len(records) - NAMED} more" if len(records) > NAMED else None))


def _designs(results: Results, anchors: dict) -> list[Line]:
    lines = []
    for (mode, weights, _, condition), best in grouped(results.scores).items():
        first, told = best[0], condition and f", condition {condition}"
        parts: list[object] = [
            f"{_many(len(best), 'design')} scored (mode {mode}, weights {weights}{told}); the best is ",
            _names([first], anchors),
        ]
        parts.append(f" with {show(first.get('log_likelihood'))} nat per residue")
        if number(first.get("perplexity")) is not None:
            parts.append(f", perplexity {show(first['perplexity'], 3)}")
        lines.append(("", join((*parts, "."))))
    return lines


def _mutations(results: Results) -> list[Line]:
    if not results.scans:
        return []
    total = sum(
        value is not None and letter != wild
        for scan in results.scans
        for row, wild in zip(scan.scores, scan.wild, strict=True)
        for letter, value in zip("ACDEFGHIKLMNPQRSTVWY", row, strict=True)
    )
    return [("", join((f"{total:,} mutations of {_many(len(results.scans), 'structure')} scanned.",)))]


def _inputs(rows: Sequence[dict]) -> list[Line]:
    if not rows:
        return []
    bad = [row for row in rows if row.get("audit_severity") in ("warning", "error")]
    if not bad:
        return [(FINE, join((f"{_many(len(rows), 'input')} read without a warning.",)))]
    errors = sum(row["audit_severity"] == "error" for row in bad)
    told = f"{_many(len(rows), 'input')} read: {len(bad)} with a warning or worse"
    return [(LOOK, join((told, f", {errors} of them with an error" if errors else None, " (", _names(bad, {}), ").")))]


def _time(results: Results) -> list[Line]:
    if not results.benchmarks:
        return []
    seconds = sum(benchmark.seconds for benchmark in results.benchmarks)
    return [("", join((f"Wall time of all stages together: {duration(seconds)}.",)))]


def duration(seconds: float) -> str:
    """3 h 5 min, 4 min 2 s, 12 s."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _failed(failures: Sequence[Failure]) -> list[Line]:
    if not failures:
        return [(FINE, join(("Nothing failed.",)))]
    stages = {failure.stage: sum(f.stage == failure.stage for f in failures) for failure in failures}
    words = ", ".join(f"{n} in {show(stage)}" for stage, n in stages.items())
    link = element("a", _many(len(failures), "failure"), href="#failures-list")
    return [(LOOK, join((link, f": {words}.")))]


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _tiles(results: Results, failures: Sequence[Failure]) -> Markup:
    refined = [record for record in results.refinements if not record.get("error")]
    numbers = [
        (len(refined), "structures refined"), (sum(count(r, "moved") or 0 for r in refined), "residues moved"),
        (sum(map(scored, results.scores)), "designs scored"), (len(results.scans), "structures scanned"),
        (len(results.training), "training runs"), (len(results.metrics), "sets of metrics"),
    ]  # fmt: skip
    return tile_list([*(item for item in numbers if item[0]), (len(failures), "failures")])
