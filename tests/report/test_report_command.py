"""`protein-enn report` on folders with something and with nothing in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli.application import app


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("name", [None, "model.pdb", "notes.txt"])
def test_a_folder_without_results_is_an_error(tmp_path: Path, name: str | None) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    if name:
        (folder / name).write_text("END\n")
    status, told = run(folder, "-o", tmp_path / "r.html")
    assert status == 1 and "nothing that a report shows" in told and "refinement.json" in told
    assert told.count("error:") == 1
    assert not (tmp_path / "r.html").exists()


def test_a_run_without_failures_is_a_page(tmp_path: Path) -> None:
    (tmp_path / "failed_refine.tsv").write_text("file\treason\n")
    pages = [tmp_path / "1.html", tmp_path / "2.html"]
    for target in pages:
        assert run(tmp_path / "failed_refine.tsv", "-o", target, "--no-date", "--details", "3")[0] == 0
    assert pages[0].read_bytes() == pages[1].read_bytes() and b"Nothing failed." in pages[0].read_bytes()


def test_a_bad_file_ends_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.refinement.json").write_text("{")
    status, told = run(tmp_path, "-o", tmp_path / "r.html")
    assert status == 1 and told.startswith("error: ") and "a.refinement.json: not valid JSON" in told
