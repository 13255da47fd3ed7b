"""`workflow init` writes the files of the workflow, from a wheel as from the repository."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.workflow.template import PARTS, template_files, write_template
from tests.workflow.conftest import ROOT, environment


def files_of(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_folder_gets_all_files_and_the_next_command(tmp_path: Path) -> None:
    target = tmp_path / "my run"
    result = CliRunner().invoke(app, ["workflow", "init", str(target)])
    assert result.exit_code == 0, result.output
    assert f"cd '{target}' && snakemake -c2" in result.output
    assert files_of(target) == set(template_files()) and {path.name for path in target.iterdir()} == {*PARTS}
    assert (target / "configs/environment.post-deploy.sh").stat().st_mode & 0o100


def test_a_folder_with_files_is_refused_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("mine")
    (tmp_path / "mine.yaml").write_text("mine")
    result = CliRunner().invoke(app, ["workflow", "init", str(tmp_path)])
    assert result.exit_code == 1 and "is not empty; name another folder" in result.output
    assert files_of(tmp_path) == {"Snakefile", "mine.yaml"} and (tmp_path / "Snakefile").read_text() == "mine"
    assert CliRunner().invoke(app, ["workflow", "init", str(tmp_path), "--force"]).exit_code == 0
    assert (tmp_path / "Snakefile").read_text() == (ROOT / "Snakefile").read_text()
    assert (tmp_path / "mine.yaml").read_text() == "mine"


def test_without_its_files_the_package_is_to_be_installed_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no Snakefile; install the package again"):
        write_template(tmp_path / "run", root=tmp_path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel without what takes long: no compiled loops and no weights but their descriptions."""
    if any(importlib.util.find_spec(name) is None for name in ("pip", "setuptools")):
        pytest.skip("pip and setuptools build the wheel")
    source = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("*.so", "*.c", "*.safetensors", "__pycache__", "repository")
    shutil.copytree(ROOT / "protein_enn", source / "protein_enn", ignore=ignored)
    for name in PARTS:
        if name != "Snakefile":
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "README.md", "LICENSE", "setup.py"):
        shutil.copy(ROOT / name, source)
    settings = (ROOT / "pyproject.toml").read_text()
    (source / "pyproject.toml").write_text(settings.replace("[[tool.setuptools.ext-modules]]", "[[tool.left-out]]"))
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "-w", str(source / "wheels"), str(source)]
    subprocess.run(command, check=True, cwd=source, env={**os.environ, "PYTHONPATH": ""}, timeout=250)
    (found,) = (source / "wheels").glob("*.whl")
    return found


def test_a_wheel_carries_the_workflow_which_runs_from_there(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        start = "protein_enn/workflow/repository/"
        carried = {name.removeprefix(start) for name in archive.namelist() if name.startswith(start)}
        archive.extractall(tmp_path / "site")
    assert carried == set(template_files(ROOT))
    assert {"Snakefile", "workflow/rules/targets.smk", "workflow/scripts/rank_results.py", "configs/workflow.yaml",
            "profiles/default/profile.yaml", "workflow/profiles/slurm/config.yaml"} <= carried  # fmt: skip
    env = {**environment(), "PYTHONPATH": str(tmp_path / "site")}
    run = tmp_path / "run"
    init = [sys.executable, "-P", "-m", "protein_enn", "workflow", "init", str(run)]
    subprocess.run(init, check=True, env=env, cwd=tmp_path, capture_output=True)
    assert files_of(run) == carried
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "-c1"]
    done = subprocess.run(command, cwd=run, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refine" in done.stdout + done.stderr
