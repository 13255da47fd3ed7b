"""Which `protein-enn` the rules run: that of the Python that runs Snakemake, or that of the job's environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from protein_enn.version import __version__
from protein_enn.workflow import job_prefix
from tests.workflow.conftest import ROOT, environment


@pytest.fixture
def other(tmp_path: Path) -> dict[str, str]:
    """The environment, with another `protein-enn` first on the PATH."""
    program = tmp_path / "bin" / "protein-enn"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho the other one\n")
    program.chmod(0o755)
    return {**environment(), "PATH": f"{program.parent}{os.pathsep}{environment()['PATH']}"}


@pytest.mark.parametrize(("deployed", "printed"), [(False, __version__), (True, "the other one")])
def test_only_a_deployed_environment_has_a_program_of_its_own(
    deployed: bool, printed: str, tmp_path: Path, other: dict[str, str]
) -> None:
    prefix = job_prefix(str(tmp_path), deployed=deployed).format()
    command = ["bash", "-euc", f"{prefix} protein-enn --version"]
    assert subprocess.check_output(command, env=other, text=True).strip() == printed


def test_a_job_runs_the_interpreter_of_snakemake(tmp_path: Path, other: dict[str, str]) -> None:
    (tmp_path / "mine.yaml").write_text(f"targets: [{ROOT / 'examples' / '1bhl.pdb'}]\n")
    options = ["-c1", "--configfile", "mine.yaml", "--quiet", "all", "--until", "audit"]
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), *options]
    done = subprocess.run(command, cwd=tmp_path, env=other, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1bhl" in (tmp_path / "results" / "parts" / "audit.csv").read_text()
