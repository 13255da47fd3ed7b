"""Shards of a batch: together they are the whole; what fails is listed; inputs come from lists."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

RUNNER = CliRunner()
Helix = Callable[..., str]
COUNT = 3
TABLES = {
    "audit": ["-o"],
    "validate": ["-o"],
    "score": ["--orders", "1", "-o"],
    "scan": ["-o"],
    "design": ["--temperature", "0.5", "-o"],
    "refine": ["--steps", "1", "-o"],
}
WEIGHTS = {"score": "design", "scan": "design", "design": "design", "refine": "refinement"}
CLOCK = {"seconds"}


@pytest.fixture
def files(tmp_path: Path, helix: Helix, sequence: tuple[str, ...]) -> Path:
    """Five files in two folders, two pairs of them with one stem; one is no structure."""
    for i, name in enumerate(("a/x.pdb", "a/y.pdb", "b/x.pdb", "b/y.ent", "b/bad.pdb")):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(helix(sequence[i : i + 6]) if "bad" not in name else "this is not a structure\n")
    return tmp_path / "in"


def run(command: str, inputs: list[str], table: Path, weights: dict[str, str], *more: str, status: int = 0) -> str:
    """The command, with its table (of `refine`: in its folder) written there."""
    options = [*TABLES[command], str(table.parent if command == "refine" else table), *more]
    options += ["--weights", weights[WEIGHTS[command]], "--threads", "1"] if command in WEIGHTS else []
    result = RUNNER.invoke(app, [command, *inputs, *options])
    assert result.exit_code == status, result.output
    return result.output


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in (*CLOCK, "output")} for row in csv.DictReader(file)]


@pytest.mark.parametrize("command", TABLES)
def test_the_shards_together_are_the_whole(command: str, files: Path, tmp_path: Path, weights: dict[str, str]) -> None:
    """Row by row and digit by digit; and so are the lists of what failed. One of the shards is empty."""
    whole = tmp_path / "whole" / "refine.csv"
    run(command, [str(files)], whole, weights, "--failed", str(tmp_path / "failed.tsv"))
    parts, failures = [], []
    for number in range(1, COUNT + 1):
        table = tmp_path / f"part{number}" / "refine.csv"
        failed = table.with_name("failed.tsv")
        run(command, [str(files)], table, weights, "--shard", f"{number}/{COUNT}", "--failed", str(failed))
        parts.append(rows(table))
        failures.append(failed.read_text().splitlines())
        assert table.read_text().splitlines()[0] == whole.read_text().splitlines()[0]
    assert sorted(map(len, parts))[0] == 0, "choose another count: no shard is empty"
    assert all(lines[0] == "file\treason" for lines in failures)
    assert sorted((row for part in parts for row in part), key=str) == sorted(rows(whole), key=str)
    assert len({row["name"] for row in rows(whole)}) == 5
    (line,) = [line for lines in failures for line in lines[1:]]
    assert line.startswith(f"{files / 'b' / 'bad.pdb'}\t")
    assert (tmp_path / "failed.tsv").read_text() == f"file\treason\n{line}\n"
    if command == "refine":  # the files too
        for path in whole.parent.glob("*.pdb"):
            (same,) = tmp_path.glob(f"part*/{path.name}")
            assert same.read_bytes() == path.read_bytes()


def test_all_may_fail_where_failures_are_listed(files: Path, tmp_path: Path, weights: dict[str, str]) -> None:
    bad, failed, table = str(files / "b" / "bad.pdb"), tmp_path / "failed.tsv", tmp_path / "out" / "table.csv"
    fasta, made = tmp_path / "x.fasta", tmp_path / "made"
    run("score", [bad, "absent.pdb"], table, weights, status=1)
    output = run("score", [bad, "absent.pdb"], table, weights, "--failed", str(failed))
    assert [line.split("\t")[0] for line in failed.read_text().splitlines()] == ["file", bad, "absent.pdb"]
    assert f"2 failed: listed in {failed}" in output
    wanted = ["--failed", str(failed), "--fasta", str(fasta), "--structures", str(made), "--backbone-only"]
    run("design", [bad], table, weights, *wanted)
    assert fasta.read_text() == "" and made.is_dir()


def test_a_finding_is_no_failure(files: Path, tmp_path: Path, helix: Helix) -> None:
    """With --failed, `audit` is about files that are refused; --strict still asks for more."""
    wild = files / "wild.pdb"
    text = helix().splitlines()
    wild.write_text("\n".join([*text[:-1], text[0].replace("ATOM      1", "ATOM     99"), "END", ""]))  # twice
    failed, table = tmp_path / "failed.tsv", tmp_path / "audit.csv"
    run("audit", [str(wild), "--strict"], table, {}, "--failed", str(failed), status=1)
    run("audit", [str(wild)], table, {}, "--failed", str(failed))
    assert failed.read_text() == "file\treason\n"


def test_inputs_from_a_list(files: Path, tmp_path: Path, helix: Helix, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-.pdb").write_text(helix())
    Path("@odd.pdb").write_text(helix())
    lines = ["in/a/x.pdb", "", "in/a", "@odd.pdb", "-.pdb", "in/b/*.ent", "gone.pdb"]
    Path("list.txt").write_text("\r\n".join(lines))
    table = tmp_path / "audit.csv"
    run("audit", ["@list.txt", "@odd.pdb"], table, {}, "--failed", "failed.tsv")
    names = [row["file"] for row in rows(table)]
    assert names == ["in/a/x.pdb", "in/a/y.pdb", "'@odd.pdb", "'-.pdb", "in/b/y.ent", "gone.pdb"]
    assert Path("failed.tsv").read_text().splitlines()[1].startswith("gone.pdb\t")
    Path("empty.txt").write_text("\n \n")
    Path("binary.txt").write_bytes(b"\0\1")
    for name, reason in [("none", "cannot be read"), ("empty", "names no file"), ("binary", "not a list of paths")]:
        told = run("audit", [f"@{name}.txt"], table, {}, "--failed", "failed.tsv", status=2)
        assert reason in " ".join(told.replace("│", " ").split())


def test_a_shard_without_a_file_says_so(files: Path, tmp_path: Path) -> None:
    one = str(files / "a" / "x.pdb")
    told = [run("audit", [one], tmp_path / "t.csv", {}, "--shard", f"{i}/3") for i in (1, 2, 3)]
    assert ["none of 1 files falls into shard" in line for line in told].count(True) == 2


def test_names_that_are_no_text_come_from_a_list(tmp_path: Path, helix: Helix) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.pdb"
    with open(odd, "w") as file:
        file.write(helix())
    (tmp_path / "list.txt").write_bytes(odd + b"\n")
    run("audit", [f"@{tmp_path / 'list.txt'}"], tmp_path / "audit.csv", {})
    assert [row["residues"] for row in rows(tmp_path / "audit.csv")] == ["12"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shard", "4/3"], "no shard 4/3"),
        (["--shard", "half"], "is no shard"),
        (["--failed", "out.csv"], "another output has this name"),
        (["--failed", "in/a/x.pdb"], "would be overwritten"),
    ],
)
def test_bad_usage(more: list[str], message: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = RUNNER.invoke(app, ["audit", "in/a/x.pdb", "-o", "out.csv", *more])
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_no_shard_writes_over_the_input_of_another(files: Path, tmp_path: Path, weights: dict[str, str]) -> None:
    """Both shards of a folder that is refined into itself are refused, whichever file is theirs."""
    for number in (1, 2):
        result = RUNNER.invoke(
            app,
            ["refine", str(files / "a" / "x.pdb"), "-o", str(files / "a"), "--shard", f"{number}/2",
             "--weights", weights["refinement"]],
        )  # fmt: skip
        assert result.exit_code == 2 and "could be overwritten" in " ".join(result.output.split())


def test_standard_input_has_no_shard() -> None:
    result = RUNNER.invoke(app, ["audit", "-", "--shard", "1/2"], input="x")
    assert result.exit_code == 2 and "leave out --shard" in " ".join(result.output.replace("│", " ").split())
