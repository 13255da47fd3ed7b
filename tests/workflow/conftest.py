"""Snakemake on the repository's Snakefile, in a folder of the test's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent


def environment() -> dict[str, str]:
    """One thread, and the programs that belong to the Python that runs the tests."""
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PATH": paths, "HOME": os.environ.get("HOME", "/")}


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts Snakemake with a configuration (or none) and more options, as the head of a process group."""

    def begin(config: dict[str, Any] | None, *options: str) -> subprocess.Popen[str]:
        given = []
        if config is not None:
            (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
            given = ["--configfile", "mine.yaml"]
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-c2", *given, *options]
        return subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return begin


@pytest.fixture
def run(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[int, str]]:
    """Runs Snakemake to its end: exit status and output."""

    def to_the_end(config: dict[str, Any] | None, *options: str) -> tuple[int, str]:
        process = start(config, *options)
        output, _ = process.communicate(timeout=280)
        return process.returncode, output

    return to_the_end
