"""The profiles for clusters, on schedulers that are scripts: they write down what they are asked for and run it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import ROOT

Run = Callable[..., tuple[int, str]]
QUICK = ("--latency-wait", "2", "--seconds-between-status-checks", "1")
PROFILES = ROOT / "workflow" / "profiles"

QSUB = """
import pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
number = len(list(here.glob("*.status"))) + 1
with open(here / "asked.txt", "a") as asked:
    print(*sys.argv[1:-1], file=asked)
done = subprocess.run(["bash", sys.argv[-1]], capture_output=True)
(here / f"{number}.status").write_text(str(done.returncode))
print(f"{number}.server")
"""
QSTAT = """
import pathlib, sys
number = sys.argv[-1].removesuffix(".server")
state = pathlib.Path(__file__).with_name(f"{number}.status").read_text()
print(f"Job Id: {sys.argv[-1]}\\n    job_state = F\\n    Exit_status = {state}")
"""
SBATCH = """
import os, pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
with open(here / "asked.txt", "a") as asked:
    print(*sys.argv[1:], file=asked)
number = str(len(list(here.glob("*.status"))) + 1)
name = sys.argv[sys.argv.index("--job-name") + 1]
script = next((argument.removeprefix("--wrap=") for argument in sys.argv if argument.startswith("--wrap=")), None)
script = sys.stdin.read() if script is None else script
job = {"SLURM_JOB_ID": number, "SLURM_NTASKS": "1", "SLURM_JOB_NAME": name}
done = subprocess.run(["bash", "-c", script], env={**os.environ, **job}, capture_output=True)
(here / f"{number}.status").write_text("COMPLETED" if done.returncode == 0 else "FAILED")
(here / f"{number}.log").write_bytes(done.stdout + done.stderr)
print(number)
"""
SRUN = """
import os, sys
at = next(i for i, argument in enumerate(sys.argv) if "python" in os.path.basename(argument) and i)
os.execvp(sys.argv[at], sys.argv[at:])
"""
SACCT = """
import pathlib
for file in pathlib.Path(__file__).parent.glob("*.status"):
    print(f"{file.stem}|{file.read_text()}")
"""
SINFO = """
print("main*")
"""


@pytest.fixture
def scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A function that puts commands before all others; `asked.txt` in its folder is what they were asked for."""

    def install(**commands: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        for name, text in commands.items():
            (folder / name).write_text(f"#!{sys.executable}{text}")
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        return folder

    return install


@pytest.fixture
def targets(tmp_path: Path) -> dict[str, object]:
    (tmp_path / "in").mkdir()
    shutil.copy(ROOT / "examples" / "1bhl.pdb", tmp_path / "in")
    return {"targets": ["in"], "device": "cpu"}


@pytest.mark.parametrize("name", ["slurm", "cluster"])
def test_a_dry_run(name: str, run: Run, targets: dict[str, object]) -> None:
    """No scheduler is needed to see what would be done."""
    status, output = run(targets, "-n", "--workflow-profile", str(PROFILES / name))
    assert status == 0, output
    assert f"profile {PROFILES / name}" in output and "refine" in output


def test_jobs_go_through_qsub(run: Run, targets: dict[str, object], scheduler: Callable[..., Path]) -> None:
    asked = scheduler(qsub=QSUB, qstat=QSTAT, qdel="") / "asked.txt"
    status, output = run(targets, "--workflow-profile", str(PROFILES / "cluster"), *QUICK, "results/parts/audit.csv")
    assert status == 0, output
    (line,) = asked.read_text().splitlines()  # making lists is work for this machine
    assert "-N enn_audit -l select=1:ncpus=1:mem=2000mb -l walltime=02:00:00 " in line


def test_a_job_that_fails_is_tried_again_with_more_memory(
    run: Run, targets: dict[str, object], scheduler: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a job that the scheduler has killed is not waited for."""
    asked = scheduler(qsub=QSUB.replace('"bash"', '"false"'), qstat=QSTAT, qdel="") / "asked.txt"
    monkeypatch.setenv("QSUB_OPTIONS", "-q 'long one'")
    profile = ["--workflow-profile", str(PROFILES / "cluster"), "--retries", "1"]
    status, _ = run(targets, *profile, *QUICK, "results/parts/audit.csv")
    lines = asked.read_text().splitlines()
    assert status != 0 and len(lines) == 2
    assert "mem=2000mb" in lines[0] and "mem=4000mb" in lines[1] and "-q long one" in lines[0]


def test_jobs_go_through_sbatch(run: Run, targets: dict[str, object], scheduler: Callable[..., Path]) -> None:
    folder = scheduler(
        sbatch=SBATCH, srun=SRUN, sacct=SACCT, squeue="", sinfo=SINFO, sacctmgr="", scontrol="", scancel=""
    )
    fast = ["--slurm-init-seconds-before-status-checks", "1", *QUICK, "--slurm-no-account"]
    status, output = run(targets, "--workflow-profile", str(PROFILES / "slurm"), *fast, "results/parts/audit.csv")
    logs = "".join(file.read_text() for file in folder.glob("*.log"))
    assert status == 0, output + logs
    (line,) = (folder / "asked.txt").read_text().splitlines()
    assert " -t 120 " in line and " --mem 2000 " in line and " --requeue " in line and "--cpus-per-task=1" in line
    assert "--gpus" not in line


def test_a_gpu_is_asked_for_where_one_is_used(
    run: Run, targets: dict[str, object], scheduler: Callable[..., Path]
) -> None:
    """The job itself fails here, as there is no GPU; what counts is what was asked for."""
    folder = scheduler(
        sbatch=SBATCH.replace('"-c", script', '"-c", "false"'), srun="", sacct=SACCT, squeue="", sinfo=SINFO,
        sacctmgr="", scontrol="", scancel="",
    )  # fmt: skip
    fast = ["--slurm-init-seconds-before-status-checks", "1", *QUICK, "--slurm-no-account"]
    run(
        {**targets, "device": "cuda"}, "--workflow-profile", str(PROFILES / "slurm"), *fast, "--retries", "0",
        "results/refined",
    )  # fmt: skip
    (line,) = (folder / "asked.txt").read_text().splitlines()
    assert " --gpus=1 " in line and " --mem 4000 " in line


def test_both_profiles_ask_alike() -> None:
    """What does not depend on the scheduler is the same in both."""
    slurm, cluster = (yaml.safe_load((PROFILES / name / "config.yaml").read_text()) for name in ("slurm", "cluster"))
    common = {key for key in slurm.keys() & cluster.keys() if key != "executor"}
    assert {key: slurm[key] for key in common} == {key: cluster[key] for key in common}
    assert {"jobs", "retries", "rerun-incomplete", "nolock", "default-resources", "keep-going"} <= common
