"""The scripts of rules: lists, copies of weights and curves, the tables of all shards, the provenance."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from copy_curves import without_times
from copy_weights import copy_weights
from gather_results import gather_failures, gather_records, gather_tables
from list_structures import list_files
from rank_results import ranking, targets_of
from record_provenance import inputs, record
from typer.testing import CliRunner

from protein_enn import chemistry
from protein_enn.cli import app
from protein_enn.predictor import load_predictor, untrained
from protein_enn.report.files import read_table
from protein_enn.report.ranking import columns_of
from protein_enn.scoring.columns import COLUMNS
from tests.workflow.conftest import ROOT


def test_a_list_has_what_was_fetched_and_is_still_asked_for(tmp_path: Path) -> None:
    rows = ["id\tfile\tsha256\tbytes\tsource", "1abc\t1abc.cif.gz\tx\t1\ty", "2old\t2old.cif.gz\tx\t1\ty",
            "AF-P12345-F1\tAF-P12345-F1.cif.gz\tx\t1\ty"]  # fmt: skip
    (tmp_path / "fetched.tsv").write_text("\n".join(rows) + "\n")
    found = list_files(["in/a.pdb"], [str(tmp_path)], ["1ABC", "P12345", "9zzz"])
    assert found == ["in/a.pdb", f"{tmp_path}/1abc.cif.gz", f"{tmp_path}/AF-P12345-F1.cif.gz"]


def test_weights_are_copied_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "there" / "design.safetensors"
    target.parent.mkdir()
    digest = copy_weights("design", target)
    assert load_predictor(target).sha256 == digest == load_predictor("design").sha256
    again = tmp_path / "again.safetensors"
    assert copy_weights(str(target), again) == digest
    data = bytearray(target.read_bytes())
    data[-1] ^= 1
    target.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        copy_weights(str(target), tmp_path / "third.safetensors")


def test_curves_contain_no_times() -> None:
    made = without_times("epoch,step,minutes,train/loss,time/seconds\n0,1,0.3,2.0,9\n0,2,0.6,1.5,9\n")
    assert made == "epoch,step,train/loss\n0,1,2.0\n0,2,1.5\n"


def test_tables_of_shards_are_one_whatever_the_shards(tmp_path: Path) -> None:
    lines = ["b,in/b.pdb,", "a,in/a.pdb,", 'c,"in/c,d.pdb",broken']
    (tmp_path / "1.csv").write_text("name,file,error\n" + "\n".join(lines[:2]) + "\n")
    (tmp_path / "2.csv").write_text("name,file,error\n" + lines[2] + "\n")
    (tmp_path / "0.csv").write_text("name,file,error\n" + "\n".join(lines) + "\n")
    parts = gather_tables([str(tmp_path / "1.csv"), str(tmp_path / "2.csv")])
    assert parts == gather_tables([str(tmp_path / "0.csv")])
    assert [row["name"] for row in csv.DictReader(parts.splitlines())] == ["a", "b", "c"]


def test_a_shard_without_a_result_is_no_failure_of_a_file(tmp_path: Path) -> None:
    empty = tmp_path / "refined"
    empty.mkdir()
    (tmp_path / "t.csv").write_text(f"name,file,error\nrefined,{empty},no structure\n1,@list.txt,empty\n")
    assert gather_tables([str(tmp_path / "t.csv")]) == "name,file,error\n"
    (tmp_path / "r.json").write_text(json.dumps([{"name": "refined", "file": str(empty)}, {"name": "a", "file": "b"}]))
    assert json.loads(gather_records([str(tmp_path / "r.json")])) == [{"name": "a", "file": "b"}]
    (tmp_path / "f.tsv").write_text(f"file\treason\n{empty}\tno structure\nin/x.pdb\tno atoms\nin/b.pdb\ttext\n")
    (tmp_path / "g.tsv").write_text("file\treason\nin/a.pdb\tempty\n")
    tables = [("audit", "f.tsv"), ("audit", "g.tsv"), ("refine", "f.tsv")]
    made = gather_failures([(stage, str(tmp_path / table)) for stage, table in tables])
    assert made.splitlines() == [
        "file\tstage\treason", "in/a.pdb\taudit\tempty", "in/b.pdb\taudit\ttext", "in/x.pdb\taudit\tno atoms",
        "in/b.pdb\trefine\ttext", "in/x.pdb\trefine\tno atoms",
    ]  # fmt: skip


def score(name: str, value: float | None, letters: str = "AG") -> dict[str, Any]:
    """The record of a score of two residues."""
    three = [chemistry.RESIDUES[chemistry.LETTERS.index(letter)] for letter in letters]
    residues = {"id": ["A:1", "B:1"], "residue": three}
    return {"name": name, "file": f"refined/{name}.pdb", "mode": "conditional", "log_likelihood": value, "seconds": 1.0,
            "standard_error": 0.001, "error": None, "audit": {}, "per_residue": residues}  # fmt: skip


def test_designs_are_ranked_with_what_other_tables_hold_and_failures_stay() -> None:
    records = [score("x_sample1", -2.0), score("y_sample1", -1.5, "WG"), score("x_sample2_packing1", -1.0, "GA")]
    refined = [{"name": "x_sample1", "confidence_after": 0.9, "clashes_after": 2, "outliers_after": 1}]
    designs = [{"name": name, "sample": sample, "temperature": 0.1, "new_glycosylation_motifs": 2, "error": None,
                "reference_sequence": "G/G"}
               for name, sample in (("x", 1), ("x", 2), ("y", 1))]  # fmt: skip
    designs.append({"name": "broken", "sample": None, "error": "no atoms"})
    failed = [
        {"file": f"in/{name}", "stage": stage, "reason": "no atoms"}
        for stage in ("audit", "design", "pack")
        for name in ("broken.pdb", "learned_from.pdb")
        if stage == "audit" or name == "broken.pdb"
    ]
    rows = ranking(records, refined, designs, failed, {})
    assert [(row.get("rank"), row["name"], row.get("target"), row.get("target_rank")) for row in rows] == [
        (1, "x_sample2_packing1", "x", 1), (2, "y_sample1", "y", 1), (3, "x_sample1", "x", 2),
        (None, "broken", None, None),
    ]  # fmt: skip
    assert [row.get("sequence") for row in rows] == ["G/A", "W/G", "A/G", None]
    assert [row.get("reference_sequence") for row in rows] == ["G/G", "G/G", "G/G", None]
    assert rows[0]["same_sequence_as"] is None and rows[2]["same_sequence_as"] == "x_sample2_packing1"
    assert rows[2]["outliers_after"] == 1 and rows[0]["outliers_after"] is None and "clashes_after" not in rows[2]
    assert rows[0]["new_glycosylation_motifs"] == 2 and rows[0]["temperature"] == 0.1
    assert rows[3] == {"name": "broken", "file": "in/broken.pdb", "stage": "design", "error": "no atoms"}
    assert set(columns_of(rows)) <= set(COLUMNS) and "seconds" not in rows[0]


def test_models_of_one_backbone_have_one_target_and_a_distance_with_its_error() -> None:
    names = ("1bhl", "1bhl_perturbed", "2gtl_chain_a")
    files = [next((ROOT / "examples").glob(f"{name}.[pb]*")) for name in names]
    records = [{**score(name, -value), "file": str(file), "noised": [-value, -value - 0.01], "residues": 2}
               for name, file, value in zip(names, files, (1.0, 1.5, 2.0), strict=True)]  # fmt: skip
    rows = ranking(records, [], [], [], targets_of(map(str, files)))
    assert [(row["target"], row["target_rank"]) for row in rows] == [("1bhl", 1), ("1bhl", 2), ("2gtl_chain_a", 1)]
    assert [row["separated"] for row in rows] == [True, None, None] and rows[0]["noise_error"] > 0


def test_the_ranking_has_the_columns_of_the_command(tmp_path: Path) -> None:
    predictor = untrained("design", {"k": 8, "decoder_layers": 1, "hidden": 16}, seed=1)
    weights = str(predictor.save(tmp_path / "small.safetensors"))
    given = [str(ROOT / "examples" / "1bhl.pdb"), "--weights", weights, "--orders", "2", "--backbones", "2"]
    made, records = tmp_path / "ranking.csv", tmp_path / "a.scores.json"
    assert CliRunner().invoke(app, ["rank", *given, "-o", str(made)]).exit_code == 0
    options = ["-o", str(tmp_path / "a.csv"), "--records", str(records), "--no-seconds", "--properties"]
    result = CliRunner().invoke(app, ["score", *given, *options])
    assert result.exit_code == 0, result.output
    scores = json.loads(records.read_text())
    (row,) = ranking(scores, [], [], [], targets_of(record["file"] for record in scores))
    (ranked,) = read_table(made)
    assert columns_of([{**row, "error": None}])[: len(ranked) - 1] == list(ranked)[:-1]
    assert {*columns_of([row])} - {*ranked} == {"confidence_after", "outliers_after"}
    for column in ("log_likelihood", "noise_error", "sasa", "clashes", "isoelectric_point", "target", "sequence"):
        assert row[column] == pytest.approx(ranked[column]) and ranked[column] is not None, column
    (listed,) = read_table(tmp_path / "a.csv")
    assert listed["sasa"] == ranked["sasa"] and listed["noise_error"] == ranked["noise_error"]


def test_provenance_names_bytes_versions_and_settings_but_no_time_or_place(tmp_path: Path) -> None:
    file = tmp_path / "a.pdb"
    file.write_text("ATOM")
    (tmp_path / "list.txt").write_text(f"{file}\n{file}\n")
    assert inputs([str(tmp_path / "list.txt")]) == [(str(file), hashlib.sha256(b"ATOM").hexdigest(), 4)]
    made = record(["mine.yaml"], {"shards": 2}, [str(file)], "file\tsha256\tbytes\na\tb\t1\n")
    assert made["command"] == "snakemake --configfile mine.yaml"
    assert made["config"] == {"shards": 2} and made["inputs"]["files"] == 1 and made["versions"]["torch"]
    assert made["weights"] == {"a": hashlib.sha256(b"ATOM").hexdigest()}
    assert made == record(["mine.yaml"], {"shards": 2}, [str(file)], "file\tsha256\tbytes\na\tb\t1\n")
