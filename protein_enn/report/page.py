"""The report page: what is in it and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from protein_enn.io import atomic
from protein_enn.report.document import Section, document
from protein_enn.report.html import Markup, element, number, show
from protein_enn.report.reading.records import check_refinement, check_score
from protein_enn.report.reading.results import Results
from protein_enn.report.sections.audits import audited, inputs_section
from protein_enn.report.sections.designs import ANCHOR, grouped, score_section
from protein_enn.report.sections.failures import failure_section, failures_of
from protein_enn.report.sections.learning import learning_section
from protein_enn.report.sections.metrics import calibration_section, metrics_section
from protein_enn.report.sections.mutations import mutation_section
from protein_enn.report.sections.provenance import provenance_section
from protein_enn.report.sections.refinement import mean, refinement_section
from protein_enn.report.sections.summary import summary_section
from protein_enn.report.viewer import viewer, viewer_script, viewer_style

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

    The content is `results`, as `load_results` gives them, or its fields by name: `refinements=[record]`. The tables
    hold everything; residue by residue are shown the best `details` structures, designs and scans each. Without a date
    (`dated`) the same results give the same bytes. Records with an error and missing values (None, NaN) are shown as
    such. The file is replaced atomically. Raises ValueError, naming the record, if its per-residue columns do not fit
    together.
    """
    content = replace(results or Results(), **fields)
    for record in content.refinements:
        check_refinement(record, f"refinement {record.get('name')!r}")
    for record in content.scores:
        check_score(record, f"score {record.get('name')!r}")
    atomic.write_text(Path(path), page(content, title, dated=dated, details=details))


def page(results: Results, title: str, *, dated: bool = True, details: int = DETAILS) -> str:
    """The whole document."""
    best = [row for group in grouped(results.scores).values() for row in group]
    detailed = chosen(results.refinements, best, details)
    scores = scores_by_structure(detailed, best)
    anchors = {id(record): f"structure-{i}" for i, record in enumerate(detailed)}
    shown = {id(row): anchors[id(r)] for r in detailed if (row := scores.get(show(r.get("name")))) is not None}
    with_residues = [row for row in best if (row.get("per_residue") or {}).get("id")]
    for i, row in enumerate(with_residues[:details]):
        shown.setdefault(id(row), f"{ANCHOR}{i}")
    failures = failures_of(results)
    inputs = audited(results.audits, [*results.refinements, *results.scores])
    view = viewer(detailed, best)
    sections: list[Section] = [
        ("refinement", "Refined structures", refinement_section(results.refinements, detailed, scores)),
        ("view3d", "3D view", view),
        ("scores", "Ranked designs", score_section(results.scores, shown)),
        ("mutations", "Mutations", mutation_section(results.scans, results.mutants, details)),
        ("inputs", "Inputs", inputs_section(inputs)),
        ("failures-list", "Failures", failure_section(failures)),
        ("training", "Training", learning_section(results.training)),
        ("metrics", "Metrics", metrics_section(results.metrics)),
        ("calibration", "Calibration of the confidence", calibration_section(results.calibrations)),
        ("provenance", "Provenance", provenance_section(results)),
    ]
    if not any(content for _, _, content in sections[:-1]):
        sections.insert(0, ("nothing", "Nothing to show", _nothing()))
    now = f"Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. " if dated else ""
    summary = summary_section(results, failures, inputs, {**anchors, **shown})
    extra = {"styles": [viewer_style()], "scripts": [viewer_script()]} if view else {}
    return document(title, summary, sections, now, **extra)


def _nothing() -> Markup:
    words = "No structure was refined, no design was scored and nothing was measured in this run."
    return element("p", words, class_="note")


def chosen(refinements: Sequence[dict], best: Sequence[dict], limit: int) -> list[dict]:
    """Refinements to show residue by residue: those of the best designs, then by confidence; in the order given."""
    ranks: dict[str, int] = {}
    for rank, row in enumerate(best):
        ranks.setdefault(show(row.get("name")), rank)

    def key(record: dict) -> tuple[int, float]:
        return ranks.get(show(record.get("name")), len(ranks)), -(mean(record, "confidence_after") or 0.0)

    done = [record for record in refinements if not record.get("error")]
    kept = {id(record) for record in sorted(done, key=key)[:limit]}
    return [record for record in done if id(record) in kept]


def scores_by_structure(detailed: Sequence[dict], best: Sequence[dict]) -> Mapping[str, dict]:
    """For a refined structure the best score record of its name that has the very same residues."""
    ids = {show(r.get("name")): (r.get("per_residue") or {}).get("id") for r in detailed}
    found: dict[str, dict] = {}
    for row in best:
        name, rows = show(row.get("name")), row.get("per_residue") or {}
        if rows.get("id") and rows["id"] == ids.get(name) and number(row.get("log_likelihood")) is not None:
            found.setdefault(name, row)
    return found
