"""What each shell is told on the Tab key: by the protocol, in a process of its own, and by bash itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from protein_enn.predictor import shipped

RUN = "import sys; sys.argv[0] = 'protein-enn'; from protein_enn.cli import main; main()"
WEIGHTS = ["binding", "confidence", "design", "packing", "refinement", "stability"]


def told(shell: str, line: str, **more: str) -> str:
    """What the program prints when a shell asks to complete the last argument of the line."""
    values = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)} if shell == "bash" else {}
    asked = {"_PROTEIN_ENN_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line, **values, **more}
    run = subprocess.run([sys.executable, "-c", RUN], env={**os.environ, **asked}, capture_output=True, text=True)
    assert not run.stderr, run.stderr
    return run.stdout


def test_bash_zsh_and_fish_are_told_the_same() -> None:
    assert told("bash", "protein-enn score --weights ").split() == WEIGHTS == shipped()
    zsh = told("zsh", "protein-enn score --weights ")
    assert all(f'"{name}"' in zsh for name in WEIGHTS)
    assert told("fish", "protein-enn score --weights ", _TYPER_COMPLETE_FISH_ACTION="get-args").split() == WEIGHTS


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("protein-enn ref", ["refine"]),
        ("protein-enn certify --weights des", ["design"]),
        ("protein-enn calibrate --weights des", ["design"]),
        ("protein-enn refine --device c", ["cpu", "cuda"]),
        ("protein-enn fetch --format b", ["bcif.gz", "bcif"]),
        ("protein-enn score --mode", ["--mode", "--model"]),
        ("protein-enn score exam", []),
        ("protein-enn score --weights ./des", []),
    ],
)
def test_completions(line: str, completions: list[str]) -> None:
    """None: bash then offers files."""
    assert told("bash", line).split() == completions


def test_files_are_left_to_the_shells() -> None:
    assert told("zsh", "protein-enn score exam").strip() == "_files"
    assert told("zsh", "protein-enn score --weights ./des").strip() == "_files"


def test_nothing_heavy_is_imported() -> None:
    heavy = ("torch", "numpy", "gemmi", "scipy", "Bio", "pytorch_lightning")
    check = f"import atexit\natexit.register(lambda: print('heavy:', [m for m in {heavy} if m in sys.modules]))\n"
    line = "protein-enn score --weights d"
    asked = {"_PROTEIN_ENN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": "3"}
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\n{check}{RUN}"], env={**os.environ, **asked}, capture_output=True, text=True
    )
    assert run.stdout.splitlines() == ["design", "heavy: []"]


def test_bash_runs_the_script_that_is_shown(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not installed")
    program = tmp_path / "protein-enn"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{RUN}" "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(protein-enn --show-completion bash)"; complete -p protein-enn;'
        "COMP_WORDS=(protein-enn score --weights ref); COMP_CWORD=3;"
        '_protein_enn_completion protein-enn; echo "${COMPREPLY[@]}"'
    )
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run([bash, "-c", script], env={**os.environ, **path}, capture_output=True, text=True)
    declared, completed = run.stdout.splitlines()
    assert "-o default" in declared, "files where the program has nothing to say"
    assert completed == "refinement"
