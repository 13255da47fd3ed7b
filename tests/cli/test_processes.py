"""`--processes`: several processes give the rows of one, also for files that fail and processes that end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.cli.options import Device
from protein_enn.cli.processes import device_for, in_processes

RUNNER = CliRunner()
Helix = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, helix: Helix) -> Path:
    """Nine files, one of which is no structure."""
    place = tmp_path / "in"
    place.mkdir()
    for i in range(8):
        (place / f"p{i}.pdb").write_text(helix(chain="ABCDEFGH"[i]))
    (place / "q.pdb").write_text("nothing")
    return place


@pytest.mark.parametrize("command", [("audit",), ("validate",), ("score", "--no-seconds", "--orders", "1")])
def test_the_table_is_that_of_one_process(command: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    tables = []
    for processes in ("1", "3"):
        path = tmp_path / f"{processes}.csv"
        result = RUNNER.invoke(app, [*command, str(folder), "-o", str(path), "--processes", processes])
        assert result.exit_code == 1, result.output
        tables.append(path.read_text())
    assert tables[0] == tables[1]
    assert len(tables[0].splitlines()) == 10


def test_records_of_residues_and_warnings_come_from_all_processes(
    folder: Path, tmp_path: Path, helix: Helix, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protein_enn.metrics.alignment.match_warning", lambda *_: "few residues match")
    native = tmp_path / "native.pdb"
    native.write_text(helix())
    outputs = []
    for processes in ("1", "2"):
        path = tmp_path / f"{processes}.csv"
        options = ["-r", str(native), "--records", str(path), "--processes", processes]
        outputs.append((RUNNER.invoke(app, ["validate", str(folder), *options]).output, path.read_text()))
    assert outputs[0][1] == outputs[1][1]
    assert len(outputs[0][1].splitlines()) == 8 * 12 + 1
    assert outputs[0][0] == outputs[1][0]
    assert outputs[0][0].count("few residues match") == 8


def test_results_come_in_order_from_other_processes() -> None:
    made = list(in_processes(lambda i: (i, os.getpid()), range(40), 2, lambda i: (-1, 0)))
    assert [i for i, _ in made] == list(range(40))
    assert os.getpid() not in {process for _, process in made}


def test_files_of_a_process_that_ended_have_an_error() -> None:
    def work(i: int) -> str:
        if i == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    made = list(in_processes(work, range(40), 2, lambda i: f"ended {i}"))
    assert len(made) == 40
    assert made[30] == "ended 30"


def test_what_several_processes_cannot_do_is_refused(folder: Path) -> None:
    result = RUNNER.invoke(app, ["score", str(folder), "--processes", "2", "--ensemble"])
    assert result.exit_code == 2
    assert "--ensemble" in result.output
    assert device_for(1, Device.cuda, {"--ensemble": True}) is Device.cuda
    assert device_for(2, Device.auto, {"--ensemble": False}) is Device.cpu
    with pytest.raises(typer.BadParameter, match="cuda"):
        device_for(2, Device.cuda, {})
