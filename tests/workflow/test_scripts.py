"""The scripts of rules: lists, copies of weights and curves, the tables of all shards, the provenance."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from copy_curves import without_times
from copy_weights import copy_weights
from gather_results import gather_failures, gather_records, gather_tables
from list_structures import list_files
from record_provenance import inputs, record

from protein_enn.predictor import load_predictor


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
