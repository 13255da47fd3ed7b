"""What packing is tried on: the example, and a small model with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from protein_enn.geometry.atom14 import atom14_slots
from protein_enn.io import read_structure
from protein_enn.predictor import Predictor, untrained
from protein_enn.structure import Structure

SMALL = {"k": 8, "encoder_settings": {"layers": 1, "scalars": 32, "odd": 0, "edges": 32, "hidden": 32}}


@pytest.fixture(scope="session")
def packer() -> Predictor:
    """A small predictor for packing; its side chains are of ideal geometry, and their angles random."""
    return untrained("packing", SMALL)


@pytest.fixture(scope="module")
def native() -> Structure:
    return read_structure(Path(__file__).resolve().parents[2] / "examples" / "1bhl.pdb")


@pytest.fixture(scope="module")
def wild(native: Structure) -> Structure:
    """The example without its incomplete residues."""
    slots, exists = atom14_slots(native.residues)
    return native.take((native.present.gather(1, slots) | ~exists).all(1))
