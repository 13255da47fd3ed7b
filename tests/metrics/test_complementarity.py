"""Shape complementarity: of surfaces that fit, that do not, and that do not touch; rotation changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import read_structure
from protein_enn.geometry.rotations import random_rotation
from protein_enn.metrics.complementarity import shape_complementarity
from protein_enn.structure import Structure


@pytest.fixture(scope="module")
def native(examples: Path) -> Structure:
    return read_structure(examples / "1bhl.pdb")


def shifted(structure: Structure, side: torch.Tensor, distance: float) -> Structure:
    """One side moved away from the other."""
    between = structure.ca[side].mean(0) - structure.ca[~side].mean(0)
    positions = structure.positions.clone()
    positions[side] += distance * between / between.norm()
    return structure.with_positions(positions)


def test_a_gap_lowers_it_and_what_does_not_touch_has_none(native: Structure) -> None:
    side = native.numbers < 120
    packed = shape_complementarity(native, side)
    gap = shape_complementarity(shifted(native, side, 1.5), side)
    assert packed is not None and gap is not None and packed > 0.6 > gap > 0
    assert shape_complementarity(shifted(native, side, 60.0), side) is None
    assert shape_complementarity(native, torch.ones_like(side)) is None


def test_it_is_the_same_from_either_side_and_in_any_place(native: Structure) -> None:
    side = native.numbers < 120
    value = shape_complementarity(native, side)
    assert shape_complementarity(native, ~side) == pytest.approx(value)
    rotation = random_rotation(torch.Generator().manual_seed(1)).to(native.positions)
    rotated = replace(native, positions=native.positions @ rotation.T * native.present[..., None])
    assert shape_complementarity(rotated, side) == pytest.approx(value, abs=0.04)
