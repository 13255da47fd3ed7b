"""The panels of a page: what each says, what it leaves out, and that nothing in them can act."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from protein_enn.report import Results, heatmap
from protein_enn.report.choice import best_structures
from protein_enn.report.contents import Failure
from protein_enn.report.geometry import worsened
from protein_enn.report.heatmap import AMINO_ACIDS, Scan
from protein_enn.report.page import page
from protein_enn.report.panels.inputs import audited
from protein_enn.report.panels.provenance import Benchmark
from protein_enn.report.panels.training import Run
from protein_enn.report.summary import duration

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&\u202e\u200f\x07<!--"
SOURCE = {"name": "p", "file": "p.pdb", "estimator": "single", "calibration": None, "weights": "w",
          "weights_sha256": "ab"}  # fmt: skip


class Attributes(HTMLParser):
    """Every attribute of every element, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += attrs


def record(name: str, clashes: tuple[int, int] = (3, 1), **more: Any) -> dict:
    rows: dict[str, list] = {
        "id": ["A:1", "A:1A"], "residue": ["GLY", "ALA"], "status": ["moved", "kept"], "reason": ["", ""],
        "displacement": [0.5, 0.0], "confidence_before": [0.5, 0.6], "confidence_after": [0.7, 0.6],
        **{key: [-60.0, None] for key in ("phi_before", "psi_before", "phi_after", "psi_after")},
    }  # fmt: skip
    before, after = ({"atoms": 9, "clashes": n, "clashes_per_1000_atoms": n / 9} for n in clashes)
    return {"kind": "refinement", "name": name, "input": f"{name}.pdb", "residues": 2, "per_residue": rows,
            "geometry_before": before, "geometry_after": after, **more}  # fmt: skip


def score(name: str, value: float | None, **more: Any) -> dict:
    return {"name": name, "file": f"{name}.pdb", "log_likelihood": value, "mode": "single", "error": None, **more}


def scan(n: int = 3, **source: Any) -> Scan:
    rows: list[list[float | None]] = [[(i - 10) / 4 * (1 + k % 2) for i in range(20)] for k in range(n)]
    return Scan({**SOURCE, **source}, [f"A:{k + 1}" for k in range(n)], "G" * n, rows)


def text_of(text: str) -> str:
    """What a reader sees."""
    text = re.sub(r"<(script|style).*?</\1>", " ", text, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", text.replace("</td>", " ")))


def test_the_summary_says_what_happened() -> None:
    records = [record("better"), record("worse", (1, 4)), {"name": "bad", "input": "bad.pdb", "error": "no atoms"}]
    results = Results(
        refinements=records,
        scores=[score("a", -1.5), score("b", -1.25)],
        scans=[scan(2)],
        failures=[Failure("in/bad.pdb", "refine", "no atoms"), Failure("c.pdb", "score", "empty")],
        benchmarks=[Benchmark("refine", 90.0, 10.0), Benchmark("score", 35.4, None)],
    )
    told = text_of(page(results, "t"))
    assert "2 structures refined: 2 changed, 0 left as they were; 2 of 4 residues moved" in told
    assert "Predicted lDDT, mean over structures: 0.550 before, 0.650 after" in told
    assert "checks: 1 of 2 (worse)" in told and "clashes 1 → 4" in told and "Nothing is worse" not in told
    assert "2 designs scored" in told and "the best is b with −1.25 nat" in told
    assert "2 failures: 1 in refine, 1 in score" in told, "a failure in a record and in a list is one"
    assert "38 mutations of 1 structure scanned" in told and "2 min 5 s" in told


def test_nothing_worse_is_said_only_where_it_was_checked() -> None:
    assert "Nothing is worse" in text_of(page(Results(refinements=[record("a")]), "t"))
    unchecked = {**record("a"), "geometry_before": None, "geometry_after": None}
    assert "Nothing is worse" not in text_of(page(Results(refinements=[unchecked]), "t"))
    assert worsened(record("a")) == [] and worsened(record("a", (0, 0))) == []
    less_sure = record("a")
    less_sure["per_residue"]["confidence_after"] = [0.4, 0.4]
    assert worsened(less_sure) == ["confidence 0.5500 → 0.4000"]


@pytest.mark.parametrize(("seconds", "text"), [(12.4, "12 s"), (242, "4 min 2 s"), (11100, "3 h 5 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(float(seconds)) == text


def test_only_the_best_are_shown_residue_by_residue_and_the_page_says_so() -> None:
    records = [record(f"m{i}") for i in range(6)]
    scores = [score(f"m{i}", -1.0 - (i != 4)) for i in range(6)]
    text = page(Results(refinements=records, scores=scores), "t", details=2)
    assert text.count('<details id="structure-') == 2 and "residue by residue: 2 of 6 structures" in text
    best = best_structures(records, sorted(scores, key=lambda s: -s["log_likelihood"]), 1)
    assert [r["name"] for r in best] == ["m4"], "by the rank of its design"
    sure = record("sure")
    sure["per_residue"]["confidence_after"] = [0.9, 0.9]
    assert [r["name"] for r in best_structures([*records, sure], [], 1)] == ["sure"], "else by confidence"
    assert all(f">m{i}<" in text for i in range(6)), "the table holds all"


def test_a_score_is_shown_with_the_structure_of_the_same_residues() -> None:
    rows = {"id": ["A:1", "A:1A"], "residue": ["GLY", "ALA"], "log_likelihood": [-1.0, -2.0], "entropy": [1.0, 1.0],
            "best": ["GLY", "ALA"]}  # fmt: skip
    with_rows = score("m", -1.5, per_residue=rows)
    text = page(Results(refinements=[record("m")], scores=[with_rows]), "t")
    assert 'id="structure-0-score"' in text and 'id="design-0"' not in text
    other = score("m", -1.5, per_residue={**rows, "id": ["A:1", "A:2"]})
    text = page(Results(refinements=[record("m")], scores=[other]), "t")
    assert 'id="structure-0-score"' not in text and 'id="design-0"' in text


def test_the_heat_map_shows_every_score_in_its_color() -> None:
    made = scan(heatmap.ACROSS + 3)
    made.scores[1][AMINO_ACIDS.index("W")] = None
    limit = heatmap.limit_of(made)
    panels = heatmap.panels(made, limit)
    assert len(panels) == 2
    drawn = sum(float(w) for panel in panels for w in re.findall(r"M[\d.]+ [\d.]+h([\d.]+)", _cells(panel)))
    assert drawn == heatmap.CELL * (20 * len(made.ids) - 1), "all but the missing one"
    assert sum(re.findall(r'd="([^"]*)" class="wild"', p)[0].count("M") for p in panels) == len(made.ids)


def _cells(panel: str) -> str:
    return "".join(re.findall(r'd="([^"]*)" class="cells', panel))


def test_colors_are_symmetric_and_end_at_the_limit() -> None:
    assert heatmap.color_of(0.0, 3.0) == heatmap.COLORS // 2
    for value in (0.4, 1.1, 2.0, 2.9, 99.0):
        up, down = heatmap.color_of(value, 3.0), heatmap.color_of(-value, 3.0)
        assert up + down == heatmap.COLORS - 1
    assert heatmap.color_of(-99.0, 3.0) == 0 and heatmap.color_of(99.0, 3.0) == heatmap.COLORS - 1


def test_breaks_and_insertions_are_numbered() -> None:
    made = scan(8)
    made.ids[:] = ["A:1", "A:2", "A:2A", "A:3", "A:40", "A:41", "B:1", "B:2"]
    (panel,) = heatmap.panels(made, 1.0)
    assert [t for t in re.findall(r">([^<]*\d[^<]*)</text>", panel)] == ["A:1", "2A", "40", "B:1"]
    assert panel.count('class="break"') == 4, "2A, 3, 40, B:1"


def test_the_scan_on_the_page_is_exact() -> None:
    text = page(Results(scans=[scan(2)]), "t")
    data = json.loads(re.findall(r'id="scan-0-data">(.*?)</script>', text)[0])
    assert data["ids"] == ["A:1", "A:2"] and data["letters"] == heatmap.ORDER and len(data["scores"]) == 40
    assert data["scores"][20 + heatmap.ORDER.index("Y")] == round(100 * (AMINO_ACIDS.index("Y") - 10) / 4 * 2)
    assert "A:G2" in text, "the best mutation in author numbering"


def test_runs_of_one_kind_share_charts() -> None:
    curve = {"train/loss": [(0.0, 3.0), (9.0, 2.0)], "val/loss": [(9.0, 2.5), (19.0, 2.25)]}
    runs = [Run("a", curve, 3.0), Run("b", curve, None), Run("c", {**curve, "val/bond": [(1.0, 1.0)]}, None)]
    text = page(Results(training=runs), "t")
    assert text.count('class="chart"') == 3, "loss of a and b; loss and bond of c"
    assert "a, b" in text_of(text) and 'data-value="2.25"' in text


def test_audits_of_tables_and_records_are_one_table() -> None:
    warned = {"name": "a", "file": "in/a.pdb", "audit_severity": "warning", "notes": "one; two", "error": None}
    table: list[dict] = [warned, {"name": "x", "file": "x.pdb", "error": "refused"}]
    audit = {"severity": "note", "findings": [{"message": "three"}], "atoms": {"protein": 9, "dropped": {"H": 2}}}
    rows = audited(table, [record("a", audit=audit), record("b", audit=audit)])
    assert [(r["name"], r["findings"]) for r in rows] == [("a", ["one", "two"]), ("b", ["three"])]
    refined = {**record("c", audit=audit), "input": "in/c.pdb", "output": "out/c-2.cif"}
    scored = [{"name": n, "file": f, "audit": audit} for n, f in (("c-2", "/run/out/c-2.cif"), ("a", "other/a.pdb"))]
    rows = audited(table, [refined, *scored])
    assert [r["file"] for r in rows] == ["in/a.pdb", "in/c.pdb", "other/a.pdb"], "what was refined is no input"
    text = page(Results(audits=table), "t")
    assert "refused" in text_of(text) and 'data-role="class"' in text and ">warning or worse<" in text


def test_time_and_provenance_are_told() -> None:
    provenance = {"run": {"command": "snakemake -c2", "config": {"prepare": {"seed": 1}}, "inputs": [{"file": "a"}]}}
    jobs = [Benchmark("refine", 2.0, 100.0), Benchmark("refine", 3.0, 300.0)]
    told = text_of(page(Results(provenance=provenance, benchmarks=jobs), "t"))
    assert "snakemake -c2" in told and "prepare.seed" in told
    assert re.search(r"refine2 ?5 ?3 ?300", told.replace(" ", "")), "jobs, sum, longest, largest"


def test_without_a_date_the_bytes_are_the_same(tmp_path: Path) -> None:
    results = Results(refinements=[record("a")], scans=[scan()])
    assert page(results, "t", dated=False) == page(results, "t", dated=False)
    assert " UTC" not in page(results, "t", dated=False) and " UTC" in page(results, "t")


def test_hostile_words_stay_words() -> None:
    h = HOSTILE
    results = Results(
        refinements=[record(h, stale=h), {"name": h, "input": h, "error": h}],
        scores=[score(h, -1.0, file=h, audit_severity=h, sequence=h, reference_sequence=h[::-1], target=h)],
        designs=[
            score(h, -1.0, file=h, sample=h, sequence=h, reference_sequence=h[1:], audit_severity=h),
            {"name": h, "file": h, "error": h},
        ],
        metrics={h: {h: h, "weights": {h: h}}},
        audits=[{"name": h, "file": h, "audit_severity": h, "notes": h, "error": None}],
        failures=[Failure(h, h, h)],
        scans=[Scan({**SOURCE, "name": h, "calibration": h}, [f"{h}:1"], "<", [[1.0] * 20])],
        mutants=[{"name": h, "mutations": h, "score": 1.0}],
        training=[Run(h, {f"train/{h}": [(1.0, 1.0)]}, None)],
        calibrations={h: {"name": h, "bins": []}},
        provenance={h: {h: h, "deep": {h: [h, {h: h}]}, "list": [{h: h}]}},
        benchmarks=[Benchmark(h, 1.0, None)],
    )
    text = page(results, h)
    assert "<img" not in text.lower() and "onerror=alert(1)>" not in text and "<!--" not in text
    assert not set("\u202e\u200f") & set(text) and "\x07" not in text
    bodies = re.findall(r"<script[^>]*>(.*?)</script>", text, flags=re.S)
    for body in bodies[:-2]:
        assert "<" not in json.dumps(body) and json.loads(body) is not None
    attributes = Attributes(text).found
    assert not [name for name, _ in attributes if name.startswith("on") or name in ("src", "style")]
    ids = [value for name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids)), "every identifier once"
    assert {value for name, value in attributes if name == "href"} <= {f"#{name}" for name in ids}, "links lead there"


def test_the_page_starts_with_what_came_of_the_run() -> None:
    failures = [Failure("c.pdb", "score", "empty")]
    results = Results(refinements=[record("better"), record("worse", (1, 4))], failures=failures)
    told = text_of(page(results, "Screen 3"))
    assert re.search(r"Screen 3\d{4}-\d\d-\d\d \d\d:\d\d UTC · 2 models refined, 1 worse, 1 failure", told)
    assert "1 model refined, none worse, nothing failed" in page(Results(refinements=[record("better")]), "t")


def test_before_and_after_share_a_cell_that_sorts_by_the_value_after() -> None:
    text = page(Results(refinements=[record("a")]), "t")
    assert '<td class="number" data-value="1">3 → 1</td>' in text
    assert re.search(r'data-value="0.6[0-9]*">0.550 → 0.650</td>', text)
    assert 'data-key="clashes_after"' in text and 'data-key="confidence_after"' in text


@pytest.mark.parametrize(
    ("change", "told"), [(0.004, "same"), (0.006, "▲ better (+0.006)"), (-0.006, "▼ worse (−0.006)")]
)
def test_a_small_change_of_predicted_lddt_is_neither_better_nor_worse(change: float, told: str) -> None:
    made = record("a")
    made["per_residue"]["confidence_after"] = [value + change for value in made["per_residue"]["confidence_before"]]
    row = re.search(r"predicted lDDT, mean</th>.*?</tr>", page(Results(refinements=[made]), "t"), re.S)
    assert row is not None and told in row[0]


@pytest.mark.parametrize(("rows", "folded"), [(19, True), (20, False)])
def test_controls_of_a_short_table_are_folded_away(rows: int, folded: bool) -> None:
    text = page(Results(scores=[score(f"d{i}", -1.0 - i) for i in range(rows)]), "t")
    assert ('<details class="choose"' in text) is folded and 'data-table="designs-table"' in text


@pytest.mark.parametrize(("least", "ticks"), [(0.55, "0.625"), (0.45, "0.25")])
def test_the_axis_of_predicted_lddt_starts_at_a_half_where_nothing_is_lower(least: float, ticks: str) -> None:
    made = record("a")
    made["per_residue"]["confidence_before"] = [least, 0.9]
    text = page(Results(refinements=[made]), "t")
    assert f">{ticks}</text>" in text


def test_metrics_are_in_the_fields_words() -> None:
    text = page(Results(metrics={"m": {"recovery_decoded_pooled": 0.5, "s669_spearman": 0.4}}), "t")
    assert ">recovery decoded pooled</span>" in text and ">S669 Spearman</span>" in text
    assert 'title="recovery_decoded_pooled"' in text
