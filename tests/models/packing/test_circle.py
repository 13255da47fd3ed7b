"""Densities on the circle: they integrate to one, have the period of the angle, and draws follow them."""

from __future__ import annotations

import math

import torch

from protein_enn import chemistry
from protein_enn.models.packing.circle import CENTERS, grid_density, has_half_period, likeliest, log_density, sample

LOGITS = torch.randn(1, CENTERS, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
ANGLES = (torch.arange(3600, dtype=torch.float64) + 0.5) * (2 * math.pi / 3600) - math.pi


def density(half: bool) -> torch.Tensor:
    return log_density(LOGITS.expand(len(ANGLES), -1), ANGLES, torch.full((len(ANGLES),), half)).exp()


def test_the_density_integrates_to_one_over_its_period() -> None:
    step = 2 * math.pi / len(ANGLES)
    assert abs(float(density(False).sum()) * step - 1) < 1e-6
    assert abs(float(density(True)[:1800].sum()) * step - 1) < 1e-6


def test_an_angle_of_half_a_period_is_as_likely_as_the_opposite_one() -> None:
    folded = density(True)
    torch.testing.assert_close(folded, folded.roll(1800))
    torch.testing.assert_close(folded, density(False) + density(False).roll(1800))


def test_only_angles_with_exchangeable_atoms_have_half_a_period() -> None:
    kinds = torch.arange(21)
    found = {
        (chemistry.RESIDUES[int(kind)], angle)
        for angle in range(4)
        for kind in kinds[has_half_period(kinds, torch.full((21,), angle))]
    }
    assert found == {("ASP", 1), ("GLU", 2), ("PHE", 1), ("TYR", 1)}


def test_the_likeliest_angle_is_the_mean_of_the_window_with_the_most_probability() -> None:
    for half in (False, True):
        chosen = float(likeliest(LOGITS, torch.tensor([half])))
        assert -math.pi <= chosen < math.pi
        values, apart = density(half), torch.remainder(ANGLES[:, None] - ANGLES + math.pi, 2 * math.pi) - math.pi
        mass = (values * (apart.abs() < math.radians(20.5))).sum(1)
        best = apart[mass.argmax()].neg()
        near = best.abs() < math.radians(20.5)
        center = float(ANGLES[mass.argmax()]) + float((values * best)[near].sum() / values[near].sum())
        period = math.pi if half else 2 * math.pi
        assert abs(math.remainder(chosen - center, period)) < math.radians(1)


def test_draws_follow_the_density_and_a_low_temperature_finds_its_largest_kernel() -> None:
    generator = torch.Generator().manual_seed(1)
    drawn = sample(LOGITS.expand(40_000, -1), 1.0, generator)
    counted = torch.histc(torch.rad2deg(drawn), 36, -180, 180) / len(drawn)
    expected = grid_density(LOGITS, torch.tensor([False]))[0].view(36, 10).sum(1)
    assert (counted - expected).abs().max() < 0.02
    cold = sample(LOGITS.expand(50, -1), 1e-4, generator)
    kernel = int(LOGITS.argmax()) * (2 * math.pi / CENTERS) - math.pi
    assert (cold - kernel).abs().max() < math.radians(0.3)
