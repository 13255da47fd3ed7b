"""A run that is killed at any moment and started again leaves the same bytes; of another run nothing is taken."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from protein_enn.training import train
from protein_enn.training.checkpoints import NAME

KILLED = """
import os
import signal
import sys

from protein_enn.cli import main
from protein_enn.io import atomic
from protein_enn.training.module import TrainingModule


def run(when, count, errors):
    calls = 0

    def die(*args, **options):
        nonlocal calls
        calls += when != "replace" or str(args[1]).endswith("last.ckpt")
        if calls == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **options)

    if when == "replace":  # the temporary file of a checkpoint is written, but has not its name yet
        real = os.replace
        atomic.os.replace = die
    else:
        real = getattr(TrainingModule, when)
        setattr(TrainingModule, when, die)
    file = os.open(errors, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    main()
    sys.exit()


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(*line.split())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""The command in a process of its own for each line of the input, `when count file`; torch is imported once."""


def silent(line: str) -> None:
    pass


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "minutes"} for row in csv.DictReader(file)]


def test_a_run_killed_again_and_again_leaves_the_same_bytes(
    tmp_path: Path, store: Path, experiment: Callable[..., Path], environment: dict[str, str]
) -> None:
    """SIGKILL in a step between checkpoints, in a validation, and while a checkpoint is written.

    A checkpoint is made after each step. As Snakemake does, what a killed run left of the result is removed.
    """
    config = experiment("design", 7, checkpoint_minutes=0.0, task_settings={"label_smoothing": 0.1})
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    run, results = tmp_path / "run", ("best.safetensors", "best.json", "metrics.csv")
    steps = []
    command = [sys.executable, str(program), "train", str(config), "-o", str(run), "--store", str(store),
               "--resume-if-any", "--threads", "1", "--device", "cpu"]  # fmt: skip
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        # One step is made by the first; then on to the fourth; to the next checkpoint's name; to its end.
        for when, lost in (("training_step 2", 7), ("validation_step 2", 6), ("replace 1", 3), ("replace 1000", 0)):
            errors = tmp_path / f"{lost}.txt"
            print(when, errors, file=parent.stdin, flush=True)
            status = int(parent.stdout.readline())
            assert status == (-signal.SIGKILL if lost else 0), errors.read_text()
            steps.append(errors.read_text().splitlines()[0])
            if lost:
                torch.load(run / NAME, weights_only=True)  # whole
                for name in results:
                    (run / name).unlink(missing_ok=True)
    assert steps[0] == f"starts anew: there is no {NAME}"
    assert [line.split(" of ")[0] for line in steps[1:]] == [f"goes on from step {n}" for n in (1, 3, 3)]
    assert not list(run.glob(".*.part")), "files of killed writers are left"
    train(config, tmp_path / "straight", data=store, device="cpu", threads=1, log=silent)
    for name in results[:2]:
        assert (run / name).read_bytes() == (tmp_path / "straight" / name).read_bytes(), name
    assert rows(run) == rows(tmp_path / "straight")
    assert [row["step"] for row in rows(run)] == ["2", "4", "6", "7"]


def test_only_the_very_same_run_goes_on(
    tmp_path: Path, store: Path, make_store: Callable[[str, int], Path], experiment: Callable[..., Path]
) -> None:
    config, run, lines = experiment("design", 2), tmp_path / "run", list[str]()
    first = train(config, run, data=store, resume_if_any=True, log=lines.append)
    assert lines[0] == "starts anew: there is no last.ckpt"
    bytes_before, checkpoint = first.weights.read_bytes(), (run / NAME).read_bytes()
    weights = train(config, tmp_path / "start", data=store, log=silent).weights

    def again(config: Path, data: Path, start: Path | None = None) -> str:
        (run / NAME).write_bytes(checkpoint)
        notes: list[str] = []
        train(config, run, data=data, resume_if_any=True, log=notes.append, from_weights=start)
        return notes[0]

    first.weights.unlink()
    assert again(config, store) == "goes on from step 2 of last.ckpt"
    assert first.weights.read_bytes() == bytes_before, "the best weights come back from the checkpoint"
    other = experiment("design", 2, "other", learning_rate=0.01)
    for line, differs in [
        (again(other, store), "the experiment"),
        (again(config, make_store("more", 9)), "the data"),
        (again(config, store, weights), "the start weights"),
    ]:
        assert line == f"starts anew: last.ckpt is of another run, which differs in {differs}"
    assert "goes on" in again(experiment("design", 2, "sooner", checkpoint_minutes=1.0), store)
    (run / NAME).write_bytes(checkpoint[:1000])
    lines.clear()
    train(config, run, data=store, resume_if_any=True, log=lines.append)
    assert lines[0] == "starts anew: last.ckpt is damaged"
    assert first.weights.read_bytes() == bytes_before


def test_a_checkpoint_that_runs_code_is_refused(tmp_path: Path, store: Path, experiment: Callable[..., Path]) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
            return (eval, ("print('ran')",))

    run = tmp_path / "run"
    run.mkdir()
    torch.save({"global_step": 1, "x": Hostile()}, run / NAME)
    with pytest.raises(ValueError, match="not a checkpoint"):
        train(experiment("design", 2), run, data=store, resume=True, log=silent)
