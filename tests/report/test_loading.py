"""What a run leaves is found by its names and headers, and a bad file is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from protein_enn.report import load_results
from protein_enn.report.contents import Failure
from protein_enn.report.heatmap import AMINO_ACIDS
from protein_enn.report.panels.failures import stage_of
from protein_enn.version import __version__

SCAN = "name,file,chain,number,icode,wt,mutant,score,ddg_like,estimator,calibration,weights,weights_sha256,error\n"
RUN = ",ddg_like,fitted,design,ab,\n"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_scan_keeps_author_numbering_and_chains_that_look_like_numbers(tmp_path: Path) -> None:
    rows = [f"p,p.pdb,1,52,B,H,A,-1.5,-0.45{RUN}", f"p,p.pdb,1,-3,,G,A,2.0,0.6{RUN}", f"p,p.pdb,1,-3,,G,W,,{RUN}"]
    put(tmp_path / "scan.csv", SCAN + "".join(rows) + "bad,bad.pdb,,,,,,,,ddg_like,,design,ab,no backbone\n")
    found = load_results(tmp_path)
    (scan,) = found.scans
    assert scan.ids == ["1:52B", "1:-3"] and scan.wild == "HG"
    assert scan.slope == pytest.approx(0.3)
    value = {(i, a): v for i, row in enumerate(scan.scores) for a, v in zip(AMINO_ACIDS, row, strict=True)}
    assert value[0, "A"] == -1.5 and value[0, "H"] == 0.0 and value[1, "A"] == 2.0 and value[1, "W"] is None
    assert found.failures == [Failure("bad.pdb", "scan", "no backbone")]


def test_a_matrix_is_the_same_scan(tmp_path: Path) -> None:
    columns = ["name", "chain", "number", "icode", "wt", *AMINO_ACIDS, "estimator"]
    scores = [0.0 if letter == "H" else i / 10 for i, letter in enumerate(AMINO_ACIDS)]
    put(tmp_path / "m.csv", ",".join(columns) + "\np,A,52,B,H," + ",".join(map(str, scores)) + ",single\n")
    (scan,) = load_results(tmp_path / "m.csv").scans
    assert scan.ids == ["A:52B"] and scan.scores == [scores] and scan.slope is None


def test_structures_and_weights_are_scans_of_their_own(tmp_path: Path) -> None:
    other = RUN.replace("ab", "cd")
    text = f"p,p.pdb,A,1,,G,A,1,{RUN}q,q.pdb,A,1,,G,A,2,{RUN}p,p.pdb,A,1,,G,A,3,{other}"
    scans = load_results(put(tmp_path / "scan.csv", SCAN + text)).scans
    assert [(s.name, s.scores[0][AMINO_ACIDS.index("A")]) for s in scans] == [("p", 1.0), ("q", 2.0), ("p", 3.0)]


def test_curves_are_read_once_and_called_by_their_folder(tmp_path: Path) -> None:
    text = "epoch,minutes,step,train/loss,val/loss\n0,,19,2.5,\n0,0.5,19,,2.25\n1,,9,3.5,\n"
    put(tmp_path / "run" / "a" / "metrics.csv", text)
    put(tmp_path / "run" / "a" / "logs" / "csv" / "version_0" / "metrics.csv", text)
    (run,) = load_results(tmp_path / "run").training
    assert run.name == "a" and run.minutes == 0.5
    assert run.curves == {"train/loss": [(9.0, 3.5), (19.0, 2.5)], "val/loss": [(19.0, 2.25)]}


def test_failures_come_with_their_stage(tmp_path: Path) -> None:
    put(tmp_path / "failed.tsv", 'file\treason\tstage\na "x".pdb\tno atoms\tscore\n')
    put(tmp_path / "failed" / "refine_2of8.tsv", "file\treason\nb.pdb\ttoo long\n")
    put(tmp_path / "failed_audit.tsv", "file\treason\n")
    found = load_results(tmp_path)
    assert {(f.file, f.stage, f.reason) for f in found.failures} == {
        ('a "x".pdb', "score", "no atoms"), ("b.pdb", "refine", "too long"),
    }  # fmt: skip
    assert found.files == 3


@pytest.mark.parametrize(
    ("name", "stage"),
    [("failed_refine.tsv", "refine"), ("refine.failed.tsv", "refine"), ("refine_failed_3of8.tsv", "refine"),
     ("score/failed.tsv", "score"), ("refine/failed_3.tsv", "refine"), ("failed-scan-1-of-12.tsv", "scan")],
)  # fmt: skip
def test_the_stage_is_in_the_name(name: str, stage: str) -> None:
    assert stage_of(Path(name)) == stage


def test_benchmarks_are_known_by_their_header(tmp_path: Path) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\n"
    put(tmp_path / "benchmarks" / "refine_1of2.tsv", header + "2.5\t0:00:02\t100.5\t-\n")
    put(tmp_path / "benchmarks" / "refine_2of2.tsv", header + "3.5\t0:00:03\t-\t-\n")
    put(tmp_path / "benchmarks" / "score.benchmark.txt", header + "1\t0:00:01\t50\t-\n")
    put(tmp_path / "notes.txt", "s, but no benchmark\n")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    found = load_results(tmp_path).benchmarks
    assert [(b.rule, b.seconds, b.memory) for b in found] == [
        ("refine", 2.5, 100.5), ("refine", 3.5, None), ("score", 1.0, 50.0),
    ]  # fmt: skip


def test_audits_provenance_and_calibration(tmp_path: Path) -> None:
    put(tmp_path / "audit.csv", 'name,file,note_count,audit_severity,notes,error\na,a.pdb,2,note,"one; two",\n')
    put(tmp_path / "provenance.json", '{"command": "snakemake"}')
    bins = [{"residues": 3, "predicted": 0.5, "true": 0.6, "tenth": 0.4, "ninetieth": 0.8}]
    put(tmp_path / "c.calibration.json", json.dumps({"bins": bins}))
    found = load_results(tmp_path)
    assert found.audits[0]["note_count"] == 2 and found.audits[0]["notes"] == "one; two"
    assert found.provenance == {"provenance": {"command": "snakemake"}} and found.files == 3
    assert found.calibrations["c.calibration"]["bins"] == bins


def test_records_of_another_run_are_told_apart(tmp_path: Path) -> None:
    for name, version in (("new", __version__), ("left", __version__), ("old", "0.0.1"), ("gone", __version__)):
        record = {"kind": "refinement", "name": name, "output": f"{name}.pdb", "version": version}
        put(tmp_path / f"{name}.refinement.json", json.dumps(record))
        if name != "gone":
            put(tmp_path / f"{name}.pdb", "END\n")
    put(tmp_path / "refine.csv", "name,file,moved,kept,reverted,error\nnew,,1,1,1,\nold,,1,1,1,\ngone,,1,1,1,\n")
    stale = {r["name"]: r.get("stale", "") for r in load_results(tmp_path).refinements}
    assert stale["new"] == "" and "not in the table" in stale["left"]
    assert "version 0.0.1" in stale["old"] and "gone.pdb is not there" in stale["gone"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scan.csv", SCAN + f"p,p.pdb,A,1,,G,Z,1,{RUN}"),
        ("scan.csv", SCAN + f"p,p.pdb,A,,,G,A,1,{RUN}"),
        ("scan.csv", SCAN + f"p,p.pdb,A,1,,GLY,A,1,{RUN}"),
        ("failed.tsv", "name\twhy\n"),
        ("failed.tsv", "file\treason\none field\n"),
        ("x.calibration.json", '{"bins": [{"residues": 1}]}'),
        ("provenance.json", "[]"),
        ("a.columns.json", "{}"),
        ("b.metrics.columns.json", "{}"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, name: str, text: str) -> None:
    path = put(tmp_path / name, text)
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_results([path])
