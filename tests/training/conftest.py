"""A small store of random chains, a small experiment, and a program that is the command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from protein_enn.data import Chain
from protein_enn.data.store import Record, write_store
from protein_enn.testing import random_structure

SMALL = """
task: {task}
max_steps: {steps}
validate_every: 2
budget: 60
crop: 30
warmup: 1
model: {{k: 6, encoder_settings: {{layers: 1, scalars: 16, odd: 4, channels: 4, edges: 8, hidden: 8}}}}
"""


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[[str, int], Path]:
    """A function that writes a store of six chains of 24 residues, the first of them for validation."""

    def make(name: str, seed: int) -> Path:
        chains = []
        for i in range(6):
            chain = Chain.of(replace(random_structure((24,), seed=seed + i), name=f"c{i}"))
            chains.append((chain, Record(chain.name, 24, str(i), "val" if i == 0 else "train", "native")))
        write_store(tmp_path / name, chains, {"source": "random"})
        return tmp_path / name

    return make


@pytest.fixture
def store(make_store: Callable[[str, int], Path]) -> Path:
    return make_store("store", 0)


@pytest.fixture
def experiment(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an experiment; keyword arguments are added to it, or replace a line."""

    def make(task: str, steps: int, name: str = "", **lines: object) -> Path:
        path = tmp_path / f"{name or f'{task}-{steps}'}.yaml"
        kept = [line for line in SMALL.format(task=task, steps=steps).splitlines() if line.split(":")[0] not in lines]
        path.write_text("\n".join([*kept, *(f"{key}: {value}" for key, value in lines.items()), ""]))
        return path

    return make


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """The command as a file, which a process that starts others of its kind needs."""
    script = tmp_path / "program.py"
    script.write_text("from protein_enn.cli import main\n\nmain()\n")
    return [sys.executable, str(script)]


@pytest.fixture
def environment() -> dict[str, str]:
    """One thread, no GPU, and no trace of a launcher."""
    launchers = ("SLURM", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_", "TORCHELASTIC")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(launchers)}
    return {**kept, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
