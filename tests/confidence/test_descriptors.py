"""Descriptors do not change when a structure is moved, and tell damage."""

from __future__ import annotations

import pytest
import torch

from protein_enn import read_structure
from protein_enn.confidence.descriptors import Assessors, describe
from protein_enn.geometry.rotations import random_rotation
from protein_enn.models.confidence import DESCRIPTORS


@pytest.fixture(scope="module")
def assessors() -> Assessors:
    return Assessors.shipped()


@pytest.fixture(scope="module")
def crystal():
    return read_structure("examples/1bhl.pdb")


@pytest.fixture(scope="module")
def described(crystal, assessors):
    return describe(crystal, assessors)


def column(values: torch.Tensor, name: str) -> torch.Tensor:
    return values[:, DESCRIPTORS.index(name)]


def test_there_is_a_finite_number_for_each_descriptor(crystal, described):
    assert described.shape == (len(crystal), len(DESCRIPTORS)) and described.isfinite().all()


def test_they_do_not_change_when_the_structure_is_moved(crystal, described, assessors):
    moved = crystal.moved(random_rotation(1).float(), torch.tensor([30.0, -20.0, 5.0]))
    torch.testing.assert_close(describe(moved, assessors), described, atol=2e-3, rtol=0)


def test_a_damaged_structure_looks_worse(described, assessors):
    damaged = describe(read_structure("examples/1bhl_perturbed.pdb"), assessors)
    for name in ("likelihood_all", "likelihood_backbone", "ramachandran", "rotamer", "side_chain"):
        assert column(damaged, name).mean() < column(described, name).mean(), name
    for name in ("clashes", "bond_outlier", "entropy_backbone"):
        assert column(damaged, name).mean() > column(described, name).mean(), name


def test_contacts_count_residues_around_and_ends_are_near_zero(crystal, described):
    distance = torch.cdist(crystal.ca, crystal.ca, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.corrcoef(torch.stack([(distance < 12).sum(1).float(), column(described, "surroundings")]))[0, 1] > 0.9
    assert column(described, "from_end")[[0, -1]].tolist() == [0.0, 0.0]
    assert column(described, "from_end").max() > 1
