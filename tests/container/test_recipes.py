"""The recipes of the images, as far as that can be told without building them: files, versions, commands, extras."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKER = (ROOT / "container" / "Dockerfile").read_text()
APPTAINER = (ROOT / "container" / "apptainer.def").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def section(name: str) -> list[str]:
    """The lines of a section of the Apptainer recipe."""
    return [line.strip() for line in APPTAINER.split(f"%{name}\n")[1].split("\n%")[0].splitlines() if line.strip()]


def docker_sources() -> set[str]:
    """What the Dockerfile copies from the repository."""
    copies = re.findall(r"^COPY (?!--from)(.+)$", DOCKER, re.MULTILINE)
    return {source for copy in copies for source in copy.split()[:-1]}


def test_every_source_is_in_the_repository() -> None:
    apptainer = {line.split()[0] for line in section("files")}
    assert docker_sources() == apptainer
    for source in apptainer:
        assert (ROOT / source).exists(), f"{source} is copied into the image, but is not there"
        if shutil.which("git") and (ROOT / ".git").exists():
            ignored = subprocess.run(["git", "check-ignore", "-q", source], cwd=ROOT, check=False)
            assert ignored.returncode == 1, f"{source} is copied into the image, but git ignores it"


def test_the_build_context_is_what_is_copied() -> None:
    """All else is left out, so that no data and no environment of the working tree is sent to the builder."""
    lines = (ROOT / "container" / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {line.removeprefix("!") for line in rules if line.startswith("!")} == docker_sources()


def test_the_packages_are_those_of_the_lock() -> None:
    """The same two steps as in the Makefile: torch alone, then the rest, nothing without the lock."""
    makefile = (ROOT / "Makefile").read_text().replace("$$", "$")
    torch = "\"$(grep '^torch==' constraints.txt)\""
    assert torch in makefile
    for recipe in (DOCKER, APPTAINER):
        first, second = re.findall(r"^(?:RUN|  )\s*pip install (.+)$", recipe, re.MULTILINE)
        assert first == f"--no-cache-dir {torch}"
        assert "-c constraints.txt" in second
        extras = set(re.findall(r"\[(.+)\]", second)[0].split(","))
        assert extras <= PROJECT["optional-dependencies"].keys()
        assert {"workflow", "cluster"} <= extras
    assert re.search(r"^torch==\d+\.\d+\.\d+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)


def test_python_is_one_that_the_package_supports() -> None:
    (docker,) = re.findall(r"^ARG PYTHON=(\d+\.\d+)$", DOCKER, re.MULTILINE)
    (apptainer,) = re.findall(r"^From: python:(\d+\.\d+)-slim-bookworm$", APPTAINER, re.MULTILINE)
    assert docker == apptainer
    assert all(line.startswith("FROM python:${PYTHON}-slim-bookworm") for line in DOCKER.splitlines() if "FROM" in line)
    least = PROJECT["requires-python"].removeprefix(">=")
    assert tuple(map(int, docker.split("."))) >= tuple(map(int, least.split(".")))
    assert any(line.endswith(docker) for line in PROJECT["classifiers"])


def test_what_the_image_runs_is_installed_by_the_package() -> None:
    assert "protein-enn" in PROJECT["scripts"]
    assert 'CMD ["protein-enn", "--help"]' in DOCKER
    assert section("runscript") == ['exec protein-enn "$@"']
    assert section("test") == ["protein-enn --version", "snakemake --version"]


def test_the_commands_of_the_apptainer_recipe_are_shell() -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("no bash to check the syntax with")
    for name in ("post", "environment", "runscript", "test"):
        subprocess.run([shell, "-n"], input="\n".join(section(name)), text=True, check=True)
