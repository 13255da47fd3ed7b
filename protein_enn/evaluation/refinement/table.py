"""The metrics of an evaluation of refinement as Markdown, ready for a model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protein_enn.evaluation.markdown import format_number, markdown_table
from protein_enn.evaluation.refinement.confidence import calibration
from protein_enn.evaluation.refinement.measure import RefinementEvaluation
from protein_enn.evaluation.refinement.metric_table import METRICS, Metric
from protein_enn.evaluation.refinement.outcome import Outcome
from protein_enn.evaluation.refinement.summary import BINS, summarize

SINGLE = (
    ("models", "pairs", "d"),
    ("mean lDDT gain", "lddt_gain", "+.4f"),
    ("95 % interval", ("lddt_gain_low", "lddt_gain_high"), "+.4f"),
    ("improved, %", "improved", "%"),
    ("unchanged, %", "unchanged", "%"),
    ("worse, %", "worse", "%"),
    ("clashes removed, %", "clashes_removed", "%"),
    ("residues with a new outlier", "new_outliers", "d"),
    ("median CA shift, Å (largest of a model)", ("median_ca_shift", "median_ca_shift_largest"), ".3f"),
    ("largest CA shift, Å", "max_ca_shift", ".2f"),
    ("predicted lDDT: Pearson (mean of models)", ("plddt_pearson", "plddt_pearson_mean"), ".3f"),
    ("predicted lDDT: mean absolute error", "plddt_mae", ".3f"),
    ("the same of the result: Pearson (mean of models)", ("plddt_pearson_after", "plddt_pearson_mean_after"), ".3f"),
    ("the same of the result: mean absolute error", "plddt_mae_after", ".3f"),
    ("seconds in all", "seconds", ".1f"),
)
"""Heading, metric and format of what has one value for a set; `METRICS` have one before and one after."""
WORST = (("set", ""), ("name", ""), ("residues", "d"), ("lddt_before", ".4f"), ("lddt_gain", "+.4f"), ("max_ca", ".2f"))


def markdown(evaluation: RefinementEvaluation) -> str:
    """Metrics of each set and variant, gain by starting quality, calibration, worst cases, failures."""
    groups = evaluation.groups()
    outcomes = {group: evaluation.chosen(*group) for group in groups}
    summaries = {group: summarize(chosen) for group, chosen in outcomes.items()}
    facts = [f"{key} {value}" for key, value in evaluation.facts.items()]
    heads = ["", *[f"`{name}` {variant}" for name, variant in groups]]
    rows = [[head, *[_span(m, key, form) for m in summaries.values()]] for head, key, form in SINGLE]
    rows += [[metric.heading, *[_change(m, metric) for m in summaries.values()]] for metric in METRICS]
    parts = [f"{', '.join(facts)}.", markdown_table(heads, rows)]
    bins = ["starting lDDT", "models", "mean gain", "95 % interval", "improved, %", "worse, %"]
    for group, m in summaries.items():
        lines = [_bin(m, name, low, high) for name, low, high in BINS if m[f"pairs_bin_{name}"]]
        parts += [f"`{group[0]}` {group[1]} by starting quality", markdown_table(bins, lines)]
        parts += _calibration(group, outcomes[group])
    worst = [[format_number(row[key], form) for key, form in WORST] for row in evaluation.worst()]
    parts += [f"Worst by {groups[0][1]}", markdown_table([key for key, _ in WORST], worst)]
    failed = [f"{f['set']} {f['name']} ({f['variant']}): {f['failure']}" for f in evaluation.failures]
    return "\n\n".join([*parts, *(["Could not be measured: " + "; ".join(failed) + "."] if failed else [])])


def _change(m: dict[str, Any], metric: Metric) -> str:
    """A metric before and after."""
    before, after = (format_number(m[f"{metric.name}_{when}"], metric.form) for when in ("before", "after"))
    return f"{before} → {after}"


def _bin(m: dict[str, Any], name: str, low: float, high: float) -> list[str]:
    label = f"below {high:g}" if low < 0 else f"{low:g} and more" if high > 1 else f"{low:g} to {high:g}"
    keys = ("lddt_gain", ("lddt_gain_low", "lddt_gain_high"), "improved", "worse")
    cells = [
        _span(m, tuple(f"{k}_bin_{name}" for k in key) if isinstance(key, tuple) else f"{key}_bin_{name}", form)
        for key, form in zip(keys, ("+.4f", "+.4f", "%", "%"), strict=True)
    ]
    return [label, str(m[f"pairs_bin_{name}"]), *cells]


def _calibration(group: tuple[str, str], outcomes: Sequence[Outcome]) -> list[str]:
    rows = [
        [
            f"{b.low:.2f} to {b.high:.2f}",
            f"{b.residues:,d}",
            *[f"{v:.3f}" for v in (b.predicted, b.true, b.tenth, b.ninetieth)],
        ]
        for b in calibration([o.lddt_after for o in outcomes])
    ]
    heads = ["predicted lDDT", "residues", "mean predicted", "mean true", "10 % below", "90 % below"]
    return (
        [f"`{group[0]}` {group[1]}: predicted and true lDDT of the result", markdown_table(heads, rows)] if rows else []
    )


def _span(m: dict[str, Any], key: str | tuple[str, ...], form: str) -> str:
    """One metric, or the two of a pair."""
    if isinstance(key, str):
        return format_number(m[key], form)
    first, second = (format_number(m[k], form) for k in key)
    return f"{first} to {second}" if key[0].startswith("lddt_gain_low") else f"{first} ({second})"
