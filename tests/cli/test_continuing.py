"""Commands that are interrupted write what is done, and go on with it."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.io import write_structure
from protein_enn.structure import Structure
from protein_enn.testing import random_structure

RUNNER = CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{name}.pdb" for name in "abc"]
    for seed, path in enumerate(paths):
        write_structure(random_structure((12,), seed=seed), path)
    return [str(path) for path in paths]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def interrupted_at(name: str, monkeypatch: pytest.MonkeyPatch, how: signal.Signals) -> list[str]:
    """Sends the signal when a structure of this name is scored; the names that were scored."""
    import protein_enn.scoring as scoring

    score, seen = scoring.score, list[str]()

    def watched(structure: Structure, **options: Any) -> Any:
        seen.append(structure.name)
        if structure.name == name:
            os.kill(os.getpid(), how)
        return score(structure, **options)

    monkeypatch.setattr(scoring, "score", watched)
    return seen


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Ctrl-C acts, also where the tests are a job in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_table_of_what_is_done(
    how: signal.Signals, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, before = tmp_path / "scores.csv", signal.getsignal(how)
    with monkeypatch.context() as patch:
        interrupted_at("b", patch, how)
        result = RUNNER.invoke(app, ["score", *files, "-o", str(output)])
    assert result.exit_code == 130 and signal.getsignal(how) is before
    assert "interrupted after 1 of 3 files" in result.stderr and "--skip-existing" in result.stderr
    assert [row["name"] for row in table(output)] == ["a"]

    seen = interrupted_at("", monkeypatch, how)
    result = RUNNER.invoke(app, ["score", *files, "-o", str(output), "--skip-existing"])
    assert result.exit_code == 0, result.output
    assert seen == ["b", "c"]
    RUNNER.invoke(app, ["score", *files, "-o", str(tmp_path / "whole.csv")])
    for ours, theirs in zip(table(output), table(tmp_path / "whole.csv"), strict=True):
        assert {**ours, "seconds": ""} == {**theirs, "seconds": ""}, "as if it had run once"


def test_a_file_that_failed_is_done_again(files: list[str], tmp_path: Path) -> None:
    output, broken = tmp_path / "scores.csv", Path(files[1])
    good = broken.read_text()
    broken.write_text("no structure")
    assert RUNNER.invoke(app, ["score", *files, "-o", str(output)]).exit_code == 1
    broken.write_text(good)
    result = RUNNER.invoke(app, ["score", *files, "-o", str(output), "--skip-existing"])
    assert result.exit_code == 0 and "[1/1] b" in result.stderr
    assert [(row["name"], row["error"]) for row in table(output)] == [("a", ""), ("b", ""), ("c", "")]


def test_two_broken_files_are_counted_as_two(files: list[str]) -> None:
    for path in files[:2]:
        Path(path).write_text("no structure")
    assert "2 failed" in RUNNER.invoke(app, ["score", *files]).stderr


def test_rows_of_other_options_are_not_kept(files: list[str], tmp_path: Path) -> None:
    output = ["-o", str(tmp_path / "scores.csv")]
    RUNNER.invoke(app, ["score", *files, *output, "--orders", "2"])
    result = RUNNER.invoke(app, ["score", *files, *output, "--orders", "4", "--skip-existing"])
    assert result.exit_code == 2 and "orders was 2 and is 4 now" in " ".join(result.stderr.split())
    result = RUNNER.invoke(app, ["score", *files, *output, "--per-chain", "--skip-existing"])
    assert result.exit_code == 2 and "has other columns" in " ".join(result.stderr.split())


@pytest.mark.parametrize(("options", "message"), [([], "name it by -o"), (["-o", "x.csv", "--json"], "with --json")])
def test_it_says_what_it_needs(options: list[str], message: str, files: list[str]) -> None:
    result = RUNNER.invoke(app, ["score", *files, "--skip-existing", *options])
    assert result.exit_code == 2 and message in " ".join(result.stderr.split())


def test_refined_models_are_kept(files: list[str], tmp_path: Path) -> None:
    out = tmp_path / "refined"
    assert RUNNER.invoke(app, ["refine", *files[:2], "-o", str(out)]).exit_code == 0
    times = {path: path.stat().st_mtime_ns for path in out.glob("*.pdb")}
    first = table(out / "refine.csv")
    result = RUNNER.invoke(app, ["refine", *files, "-o", str(out), "--skip-existing"])
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert table(out / "refine.csv")[:2] == first and len(table(out / "refine.csv")) == 3


@pytest.mark.parametrize("command", ["audit", "validate", "scan", "pack", "design"])
def test_other_commands_go_on_too(command: str, files: list[str], tmp_path: Path) -> None:
    folder = {"pack": tmp_path / "packed"}.get(command)
    output = ["-o", str(folder or tmp_path / "table.csv")]
    assert RUNNER.invoke(app, [command, *files[:1], *output]).exit_code == 0
    path = tmp_path / "table.csv" if folder is None else folder / "pack.csv"
    first = table(path)
    result = RUNNER.invoke(app, [command, *files, *output, "--skip-existing"])
    assert result.exit_code == 0 and "[1/2] b" in result.stderr, result.output
    assert table(path)[: len(first)] == first
    assert {row["name"] for row in table(path)} == {"a", "b", "c"}


def test_a_file_called_like_a_number_keeps_its_name(tmp_path: Path) -> None:
    files = [str(tmp_path / f"{name}.pdb") for name in ("7", "nan")]
    for file in files:
        write_structure(random_structure((12,)), Path(file))
    output = ["-o", str(tmp_path / "scores.csv")]
    RUNNER.invoke(app, ["score", *files, *output])
    before = (tmp_path / "scores.csv").read_bytes()
    result = RUNNER.invoke(app, ["score", *files, *output, "--skip-existing"])
    assert result.exit_code == 0 and (tmp_path / "scores.csv").read_bytes() == before
