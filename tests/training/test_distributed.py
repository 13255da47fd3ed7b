"""Several processes take the steps of one that accumulates: the same losses, the same validation metric."""

from __future__ import annotations

import csv
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from protein_enn.training import train


def silent(line: str) -> None:
    pass


def curves(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def assert_same_run(one: Path, other: Path, points: int) -> None:
    """Every logged loss agrees to rounding, and so do the weights that are kept."""
    pairs = list(zip(curves(one), curves(other), strict=True))
    assert len(pairs) == points
    for a, b in pairs:
        assert a.keys() == b.keys() and a["step"] == b["step"] and a["residues_seen"] == b["residues_seen"]
        for name in a.keys() - {"minutes"}:
            assert (a[name] == "") == (b[name] == "")
            assert a[name] == "" or float(a[name]) == pytest.approx(float(b[name]), rel=1e-5, abs=1e-7), (
                a["step"],
                name,
            )
    kept, others = (load_file(run / "best.safetensors") for run in (one, other))
    assert kept.keys() == others.keys()
    for name, value in kept.items():
        torch.testing.assert_close(value, others[name], rtol=1e-3, atol=1e-5)


def test_two_processes_train_one_model(
    tmp_path: Path, store: Path, experiment: Callable[..., Path], program: list[str], environment: dict[str, str]
) -> None:
    """Each has its batches, one of them writes; the command starts the other. Three steps, the last is validated."""
    config = experiment("refinement", 3)
    command = ["train", str(config), "-o", str(tmp_path / "run"), "--store", str(store), "--processes", "2"]
    done = subprocess.run(
        [*program, *command, "--threads", "1", "--device", "cpu"],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("best.safetensors") == 1 and done.stderr.count("step 3,") == 1
    alone = experiment("refinement", 3, "alone", accumulate=2)
    train(alone, tmp_path / "alone", data=store, device="cpu", log=silent)
    assert_same_run(tmp_path / "run", tmp_path / "alone", points=2)
    train(config, tmp_path / "half", data=store, device="cpu", log=silent)
    half, both = (load_file(tmp_path / run / "best.safetensors") for run in ("half", "run"))
    assert any(not torch.allclose(half[name], both[name]) for name in half), "the second process adds nothing"


def test_two_nodes_of_a_slurm_job_train_one_model(
    tmp_path: Path, store: Path, experiment: Callable[..., Path], program: list[str], environment: dict[str, str]
) -> None:
    """Each task has only the variables of srun: both have local rank 0, their global ranks differ."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    config = experiment("design", 3, validate_every=1, accumulate=2)
    command = ["train", str(config), "-o", str(tmp_path / "run"), "--store", str(store), "--nodes", "2"]
    job = {"SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "1"}
    job |= {"SLURM_NNODES": "2", "SLURM_LOCALID": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    tasks = [
        subprocess.Popen(
            [*program, *command, "--threads", "1", "--device", "cpu"],
            env={**environment, **job, "SLURM_PROCID": str(rank), "SLURM_NODEID": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        outputs = [task.communicate(timeout=300) for task in tasks]
    finally:
        for task in tasks:
            task.kill()
    assert [task.returncode for task in tasks] == [0, 0], outputs
    assert "best.safetensors" in outputs[0][0] and "step 3," in outputs[0][1]
    assert "best.safetensors" not in outputs[1][0] and "step 3," not in outputs[1][1]
    alone = experiment("design", 3, "alone", validate_every=1, accumulate=4)
    train(alone, tmp_path / "alone", data=store, device="cpu", log=silent)
    assert_same_run(tmp_path / "run", tmp_path / "alone", points=3)


def test_nodes_that_nobody_started_are_an_error(
    tmp_path: Path, store: Path, experiment: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="srun --nodes=2 --ntasks-per-node=3"):
        train(experiment("design", 2), tmp_path / "run", data=store, device="cpu", processes=3, nodes=2, log=silent)


def test_a_batch_job_of_one_task_is_no_launcher(
    tmp_path: Path, store: Path, experiment: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of a workflow runs in such a task: SLURM's variables of it must not be taken for a rank."""
    monkeypatch.setenv("SLURM_NTASKS", "1")
    monkeypatch.setenv("SLURM_JOB_NAME", "train")
    result = train(experiment("design", 1), tmp_path / "run", data=store, device="cpu", log=silent)
    assert (result.steps, result.rank) == (1, 0)
