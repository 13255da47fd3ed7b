"""A B-factor column is pLDDT only where scale and direction are those of pLDDT."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import read_structure
from protein_enn.confidence.plddt import plddt_columns, plddt_scale
from protein_enn.structure import Structure

CA = 1


def with_column(structure: Structure, values: torch.Tensor, predicted: bool = False) -> Structure:
    """The structure with one value for each residue."""
    return replace(structure, b_factors=values[:, None].expand(-1, 37) * structure.present, predicted=predicted)


@pytest.fixture(scope="module")
def crystal() -> Structure:
    return read_structure("examples/1bhl.pdb")


@pytest.fixture(scope="module")
def burial(crystal) -> torch.Tensor:
    """From 0 (exposed) to 1 (buried), for each residue."""
    count = (torch.cdist(crystal.ca, crystal.ca, compute_mode="donot_use_mm_for_euclid_dist") < 10).sum(1).float()
    return (count - count.min()) / (count.max() - count.min())


def test_b_factors_of_a_crystal_structure_are_no_plddt(crystal):
    assert plddt_scale(crystal) is None and not plddt_columns(crystal).any()


def test_percent_that_rises_with_burial_is_plddt(crystal, burial):
    columns = plddt_columns(with_column(crystal, 60 + 38 * burial))
    assert plddt_scale(with_column(crystal, 60 + 38 * burial)) == 0.01
    torch.testing.assert_close(columns[:, 1], (60 + 38 * burial) / 100)
    assert columns[:, 0].all() and torch.equal(columns[:, 1], columns[:, 3])


def test_fractions_that_rise_with_burial_are_plddt(crystal, burial):
    assert plddt_scale(with_column(crystal, 0.6 + 0.38 * burial)) == 1.0


@pytest.mark.parametrize(
    ("low", "high"), [(0.4, 4.5), (0.1, 0.9), (5.0, 100.0)], ids=["Angstrom", "small errors", "clipped errors"]
)
def test_errors_fall_with_burial_and_are_no_plddt(crystal, burial, low, high):
    assert plddt_scale(with_column(crystal, low + (high - low) * (1 - burial) ** 2)) is None


def test_small_errors_are_no_plddt_even_where_they_rise_with_burial(crystal, burial):
    assert plddt_scale(with_column(crystal, 0.1 + 0.5 * burial)) is None, "their mean is too low for a fraction"


@pytest.mark.parametrize("value", [0.0, 15.0, 90.0])
def test_a_column_of_one_value_says_nothing(crystal, value):
    assert plddt_scale(with_column(crystal, torch.full((len(crystal),), value))) is None


def test_a_declaration_counts_whatever_the_direction(crystal, burial):
    falling = with_column(crystal, 90 - 50 * burial, predicted=True)
    assert plddt_scale(falling) == 0.01 and plddt_scale(replace(falling, predicted=False)) is None


def test_a_declared_column_out_of_range_is_not_taken(crystal, burial):
    assert plddt_scale(with_column(crystal, 40 + 90 * burial, predicted=True)) is None


def test_values_of_atoms_are_summed_up_for_a_residue(crystal, burial):
    column = (60 + 38 * burial)[:, None].expand(-1, 37).clone()
    column[:, 4:] -= 5.0  # side chains are less certain
    structure = replace(crystal, b_factors=column * crystal.present)
    known, ca, mean, least = plddt_columns(structure).unbind(1)
    beyond = crystal.present[:, 4:].any(1)
    assert known.all() and (least[beyond] < ca[beyond]).all() and (mean[beyond] < ca[beyond]).all()
