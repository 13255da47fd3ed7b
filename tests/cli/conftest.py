"""What the commands are tried on: a helix as PDB text, a good and a bad file, untrained weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from protein_enn.predictor import untrained

SMALL = {"k": 8, "encoder_settings": {"layers": 1, "scalars": 32, "odd": 0, "edges": 32, "hidden": 32}}
SEQUENCE = ("MET", "ALA", "GLU", "LEU", "LYS", "VAL", "GLY", "SER", "ALA", "TRP", "ILE", "LYS")
BACKBONE = (("N", 1.55, -27.6, -0.9), ("CA", 2.29, 0.0, 0.0), ("C", 1.68, 26.0, 1.1), ("O", 2.00, 24.0, 2.3))


def helix_text(sequence: tuple[str, ...] = SEQUENCE, chain: str = "A") -> str:
    """A backbone on an alpha-helix (1.5 Å rise, 100 degrees a residue) as PDB text."""
    lines: list[str] = []
    for i, residue in enumerate(sequence):
        for name, radius, phase, rise in BACKBONE:
            angle = math.radians(100.0 * i + phase)
            x, y, z = radius * math.cos(angle), radius * math.sin(angle), 1.5 * i + rise
            lines.append(
                f"ATOM  {len(lines) + 1:5d}  {name:<3s} {residue} {chain}{i + 1:4d}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00 10.00           {name[0]}  "
            )
    return "\n".join([*lines, "END", ""])


@pytest.fixture(scope="session")
def helix() -> Callable[..., str]:
    """`helix_text`, for tests that make files of their own."""
    return helix_text


@pytest.fixture(scope="session")
def sequence() -> tuple[str, ...]:
    """That of the helix where none is given."""
    return SEQUENCE


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Untrained weights of each task, by task; those for packing are small."""
    folder = tmp_path_factory.mktemp("weights")
    for task in ("design", "refinement", "packing"):
        untrained(task, SMALL if task == "packing" else {}).save(folder / f"{task}.safetensors")
    return {path.stem: str(path) for path in folder.glob("*.safetensors")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good file, and one that is no structure."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    (inputs / "good.pdb").write_text(helix_text())
    (inputs / "bad.pdb").write_text("this is not a structure\n")
    return inputs
