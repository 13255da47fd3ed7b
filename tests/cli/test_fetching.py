"""`protein-enn fetch`: its exit status and what it lists."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app

RUNNER = CliRunner()


@pytest.fixture
def mirror(tmp_path: Path, examples: Path) -> Path:
    folder = tmp_path / "mirror" / "bh"
    folder.mkdir(parents=True)
    (folder / "1bhl.pdb").write_bytes((examples / "1bhl.pdb").read_bytes())
    return folder.parent


def test_files_failures_and_status(tmp_path: Path, mirror: Path) -> None:
    ids, out, failed = tmp_path / "ids.txt", tmp_path / "out", tmp_path / "failed.tsv"
    ids.write_text("1bhl\n9xyz # missing\n../x\n")
    command = ["fetch", f"@{ids}", "--source", str(mirror), "-o", str(out), "--format", "pdb"]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 1 and result.stdout.startswith("1 fetched, 0 kept, 2 failed")
    assert "9xyz: no file" in result.stderr and "is no id" in result.stderr
    result = RUNNER.invoke(app, [*command, "--failed", str(failed)])
    assert result.exit_code == 0 and result.stdout.startswith("0 fetched, 1 kept, 2 failed")
    header, *rows = [line.split("\t") for line in failed.read_text().splitlines()]
    assert header == ["file", "reason"] and sorted(row[0] for row in rows) == ["../x", "9xyz"]
    ids.write_text("1bhl\n")
    assert RUNNER.invoke(app, [*command, "--failed", str(failed)]).exit_code == 0
    assert failed.read_text() == "file\treason\n"


def test_bad_usage(tmp_path: Path, mirror: Path) -> None:
    (tmp_path / "empty.txt").write_text("# nothing\n")
    for ids, source, message in (
        ("@none.txt", str(mirror), "cannot be read"),
        (f"@{tmp_path / 'empty.txt'}", str(mirror), "no id in"),
        ("1bhl", "ftp://x.org", "only http"),
        ("1bhl", "nowhere", "no such folder"),
    ):
        result = RUNNER.invoke(app, ["fetch", ids, "--source", source, "-o", str(tmp_path / "out")])
        assert result.exit_code == 2 and message in " ".join(result.stderr.replace("│", " ").split()), result.stderr


def test_a_folder_that_cannot_be_filled(tmp_path: Path, mirror: Path) -> None:
    command = ["fetch", "1bhl", "--source", str(mirror), "--format", "pdb", "-o"]
    result = RUNNER.invoke(app, [*command, str(mirror)])
    assert result.exit_code == 1 and "is the source itself" in result.stderr
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "fetched.tsv").write_text("mine\n")
    result = RUNNER.invoke(app, [*command, str(tmp_path / "out")])
    assert result.exit_code == 1 and "is not a table of fetched files" in result.stderr
