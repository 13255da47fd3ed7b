"""What commands import: seconds of start-up that users wait for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from protein_enn.io import write_structure
from protein_enn.testing import random_structure

HEAVY = {"torch_geometric", "scipy", "biotite", "Bio", "pandas", "pytorch_lightning", "matplotlib", "snakemake"}


def loaded(arguments: list[str]) -> set[str]:
    """The packages that a command has imported at its end."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', *{name.split('.')[0] for name in sys.modules}))\n"
        f"sys.argv = ['protein-enn', *{arguments}]\n"
        "from protein_enn.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("LOADED ")[1].split())


@pytest.mark.parametrize("command", ["score", "design", "validate"])
def test_a_small_protein_needs_no_heavy_import(command: str, tmp_path: Path) -> None:
    path = tmp_path / "small.pdb"
    write_structure(random_structure((20,)), path)
    outputs = {"design": ["-o", str(tmp_path / "designs.fasta")]}.get(command, [])
    found = loaded([command, str(path), *outputs]) & HEAVY
    allowed = {"validate": {"scipy", "biotite"}}.get(command, set())  # clashes by a k-d tree, accessible areas
    assert found <= allowed


def test_help_imports_no_torch() -> None:
    assert not loaded(["score", "--help"]) & {*HEAVY, "torch", "numpy", "gemmi"}
