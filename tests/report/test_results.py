"""What of a folder is results of ours, and which file is to blame when it is not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from protein_enn.report import Results, load_results, write_report


def test_tables_of_other_scores_are_no_ranking(tmp_path: Path) -> None:
    """Log-likelihoods of chains, interfaces, ensembles and samples are not those of one structure each."""
    for column in ("chain", "interface_score", "models", "sample"):
        path = tmp_path / f"{column}.csv"
        path.write_text(f"name,{column},log_likelihood\na,1,-1.0\n")
        with pytest.raises(ValueError, match="whole structures"):
            load_results([path])
    (tmp_path / "a.metrics.columns.json").write_text('{"columns": {}}')
    (tmp_path / "b.scores.json").write_text('[{"kind": "interface", "per_residue": {"id": ["A:1"]}}]')
    assert load_results(tmp_path) == Results(files=1), "the record of an interface is understood, and no design"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.refinement.json", "{"),
        ("b.refinement.json", "[]"),
        ("c.refinement.json", '{"kind": "score"}'),
        ("d.refinement.json", '{"per_residue": {"id": 3}}'),
        ("metrics.json", "[1]"),
        ("a.scores.json", "3"),
        ("scores.csv", "name,log_likelihood\na\n"),
        ("scores.csv", "name,other\na,b\n"),
        ("model.pdb", "END\n"),
        ("e.refinement.json", "\udcff"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_results([path])
    with pytest.raises(ValueError, match="no such file"):
        load_results(tmp_path / "absent")


@pytest.mark.parametrize(
    ("header", "row", "kind"),
    [
        ("name,file,log_likelihood,mode,moved,kept,reverted", "a,a.pdb,-1.0,single,1,2,3", "scores"),
        ("name,file,log_likelihood,mode,notes,note_count,audit_severity", "a,a.pdb,-1.0,single,n,1,note", "scores"),
        ("name,file,chain,number,wt,mutant,score,notes,note_count,audit_severity", "a,f,A,1,G,A,1,n,1,note", "audits"),
    ],
)
def test_a_table_joined_of_two_is_read_as_one_kind(tmp_path: Path, header: str, row: str, kind: str) -> None:
    (tmp_path / "joined.csv").write_text(f"{header}\n{row}\n")
    results = load_results(tmp_path)
    assert [name for name in ("refinements", "scores", "audits", "scans") if getattr(results, name)] == [kind]


def test_a_name_with_metrics_in_it_is_a_calibration_if_it_ends_so(tmp_path: Path) -> None:
    (tmp_path / "x.metrics.calibration.json").write_text('{"bins": []}')
    (tmp_path / "x.metrics.json").write_text('{"n": 1}')
    results = load_results(tmp_path)
    assert list(results.calibrations) == ["x.metrics.calibration"] and results.metrics == {"x.metrics": {"n": 1}}


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for folder in ("a", "b", "c/b"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x.metrics.json").write_text('{"n": 1}')
    names = list(load_results(tmp_path).metrics)
    assert names == ["x.metrics", "b/x.metrics", str(tmp_path / "c" / "b" / "x.metrics.json")]


def test_a_row_of_a_ranking_and_the_record_of_the_score_are_one(tmp_path: Path) -> None:
    residues = {key: ["x"] for key in ("id", "residue", "log_likelihood", "entropy", "best")}
    record = {"name": "d", "file": "d.pdb", "log_likelihood": -1.5, "error": None, "per_residue": residues}
    (tmp_path / "ranking.csv").write_text(
        "rank,name,target_rank,log_likelihood,clashes,net_charge,file,stage,error\n"
        "1,d,1,-1.5,2,-3,d.pdb,,\n,bad,,,,,bad.pdb,design,no atoms\n"
    )
    (tmp_path / "designs.scores.json").write_text(json.dumps([record]))
    results = load_results(tmp_path)
    one, failed = sorted(results.scores, key=lambda row: row["name"], reverse=True)
    assert one["per_residue"] == residues and (one["clashes"], one["net_charge"]) == (2, -3)
    assert failed["stage"] == "design"
    write_report(tmp_path / "r.html", **{"scores": results.scores})
    page = (tmp_path / "r.html").read_text()
    assert "rank on its backbone" in page and "<td>design</td>" in page


def test_results_take_and_give_content_by_its_name() -> None:
    results = Results(metrics={"a": {"n": 1}}, files=2)
    assert results.metrics == {"a": {"n": 1}} and results.scans == []
    assert results == Results(metrics={"a": {"n": 1}}, files=2) and results != Results(files=2)
    changed = results.replaced(metrics={}, scores=[{"name": "s"}])
    assert changed.metrics == {} and changed.scores == [{"name": "s"}] and results.scores == [], "a copy"
    assert repr(results) == "Results(1 metrics, 2 files)" and repr(Results()) == "Results(nothing, 0 files)"
    with pytest.raises(TypeError, match="no 'refinments'"):
        Results(refinments=[])
    with pytest.raises(AttributeError, match="no 'pockets'"):
        _ = results.pockets
    with pytest.raises(AttributeError):
        results.metrics = {}  # type: ignore[attr-defined]


def test_a_report_of_content_that_no_panel_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no 'refinments'; they have refinements, designs, scores"):
        write_report(tmp_path / "r.html", refinments=[])
