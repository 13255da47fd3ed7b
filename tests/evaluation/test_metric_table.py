"""The table of metrics: three kinds of averages, and every entry in tables of cases, summaries and Markdown."""

from __future__ import annotations

import pytest

from protein_enn.evaluation.refinement.measure import RefinementEvaluation
from protein_enn.evaluation.refinement.metric_table import METRICS, Metric
from protein_enn.evaluation.refinement.outcome import COLUMNS, Outcome
from protein_enn.evaluation.refinement.summary import summarize
from protein_enn.evaluation.refinement.table import markdown
from protein_enn.metrics.outliers import OUTLIERS

STRUCTURES: list[dict[str, float | None]] = [
    {"a": 1.0, "known": 4.0},
    {"a": 3.0, "known": 8.0},
    {"a": None, "known": 0.0},
]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Metric("a", "a", "", ""), 2.0),
        (Metric("a", "a", "", "", "per 1,000 residues"), 1000 * 4 / 200),
        (Metric("a", "a", "", "", "fraction", "known"), 4 / 12),
    ],
)
def test_averages_leave_out_what_is_not_defined(metric: Metric, expected: float) -> None:
    assert metric.over(STRUCTURES, 200) == pytest.approx(expected)


def test_without_a_defined_value_there_is_no_average() -> None:
    assert Metric("a", "a", "", "").over(STRUCTURES[2:], 200) is None
    assert Metric("a", "a", "", "", "fraction", "known").over(STRUCTURES[2:], 200) is None


def test_every_metric_is_in_tables_summaries_and_markdown() -> None:
    columns = {metric.column: 1.0 for metric in METRICS} | {m.evaluated: 2.0 for m in METRICS if m.evaluated}
    columns |= {kind.count: 1.0 for kind in OUTLIERS.values()}
    outcome = Outcome(
        set="test", name="a", native="a", variant="refine", residues=10, before=columns, after=columns, moved=0.0,
        reverted=0.0, median_ca=0.0, max_ca=0.0, new_outliers={}, seconds=1.0,
    )  # fmt: skip
    summary, row = summarize([outcome]), outcome.row()
    text = markdown(RefinementEvaluation([outcome], [], {}))
    assert list(row) == list(COLUMNS)
    for metric in METRICS:
        assert row[f"{metric.column}_before"] == row[f"{metric.column}_after"] == 1.0
        assert summary[f"{metric.name}_before"] == summary[f"{metric.name}_after"] is not None
        assert f"| {metric.heading} |" in text


def test_every_kind_of_outlier_has_a_metric() -> None:
    names = {metric.column for metric in METRICS}
    assert all({kind.count, kind.rate} & names for kind in OUTLIERS.values())
