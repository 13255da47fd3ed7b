"""A run that is killed and started again gives the bytes of a run that nothing disturbed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from protein_enn.io import read_structure, write_structure
from tests.workflow.conftest import ROOT

NOT_RESULTS = ("logs", "benchmarks", "train")
"""Folders whose files contain times, or hold the state of a training run; its weights are in `weights` as well."""
SIZE = 40
"""Residues of each structure: the jobs are started and killed as for larger ones."""


def digests(results: Path) -> dict[str, str]:
    """sha256 of every file that is a result."""
    found = {}
    for file in sorted(results.rglob("*")):
        place = file.relative_to(results)
        if file.is_file() and place.parts[0] not in NOT_RESULTS and not file.name.startswith("."):
            found[str(place)] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def kill_when(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    """SIGKILL to Snakemake and all its jobs as soon as something is there."""
    limit = time.monotonic() + 250
    while not there():
        assert process.poll() is None, f"the run ended before it was killed:\n{process.communicate()[0]}"
        assert time.monotonic() < limit, "the moment to kill the run did not come"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_twice_and_started_again(
    tmp_path: Path, start: Callable[..., subprocess.Popen[str]], run: Callable[..., tuple[int, str]]
) -> None:
    results, inputs = tmp_path / "results", tmp_path / "in"
    inputs.mkdir()
    for name in ("1bhl.pdb", "1bhl_perturbed.pdb", "2gtl_chain_a.bcif"):
        structure = read_structure(ROOT / "examples" / name)
        write_structure(structure.take(torch.arange(SIZE)), inputs / name)
    whole = (inputs / "1bhl.pdb").read_bytes()
    (inputs / "broken.pdb").write_bytes(whole[: len(whole) // 2] + b"\nATOM  broken\n")
    experiment = {"task": "design", "crop": SIZE, "budget": SIZE, "validate_every": 2, "validation_residues": SIZE}
    (tmp_path / "tiny.yaml").write_text("".join(f"{key}: {value}\n" for key, value in experiment.items()))
    config: dict[str, Any] = {
        "structures": ["in"],
        "threads": 1,
        "device": "cpu",
        "prepare": {"valid_fraction": 0.5},
        "train": {"design": {"experiment": "tiny.yaml", "start": "design", "max_steps": 4}},
    }
    status, output = run(config)
    assert status == 0, output
    undisturbed = digests(results)
    assert {"report.html", "scores.csv", "failed.tsv", "weights/design.safetensors"} <= undisturbed.keys()
    assert "in/broken.pdb\taudit" in (results / "failed.tsv").read_text()
    assert "in/broken.pdb" in (results / "report.html").read_text()

    shutil.rmtree(results)
    shutil.rmtree(tmp_path / ".snakemake")
    kill_when(start(config), (results / "train/design/last.ckpt").is_file)
    assert not (results / "train/design.finished").exists()
    kill_when(start(config), lambda: any((results / "refined").glob("*.refinement.json")))
    assert not (results / "report.html").exists()
    status, output = run(config)
    assert status == 0, output
    assert digests(results) == undisturbed
    assert "step 4" in (results / "logs/train_design.log").read_text()
