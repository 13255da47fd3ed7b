"""Rotamers: staggered side chains are likely, eclipsed ones are outliers, and the density is one."""

from __future__ import annotations

import math

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.metrics import is_rotamer_outlier, rotamer_log_density, rotamer_log_probability, rotamers
from protein_enn.metrics.stereochemistry import stereochemistry
from protein_enn.structure import Structure


def angles(*degrees: float) -> torch.Tensor:
    """One row of chi angles, radians."""
    return torch.tensor([[*degrees, *[math.nan] * (4 - len(degrees))]]).deg2rad()


def kind(name: str) -> torch.Tensor:
    return torch.tensor([chemistry.RESIDUE_INDEX[name]])


def outlier(name: str, *degrees: float) -> bool:
    return bool(is_rotamer_outlier(angles(*degrees), kind(name))[0])


@pytest.mark.parametrize(
    ("name", "degrees", "wrong"),
    [
        ("LEU", (-65, 175), False),  # mt and tp, nine tenths of all leucines (Lovell et al. (2000) Proteins 40:389)
        ("LEU", (-177, 65), False),
        ("LEU", (60, -60), True),  # syn-pentane
        ("VAL", (175,), False),
        ("VAL", (-120,), True),  # eclipsed
        ("ILE", (-65, 170), False),
        ("ILE", (0, 170), True),
        ("PHE", (-65, 90), False),
        ("PHE", (-65, -90), False),  # the ring has two faces
        ("PHE", (-120, 0), True),
        ("LYS", (-65, 180, 180, 180), False),
        ("LYS", (-65, 0, 0, 0), True),
        ("SER", (62,), False),
        ("SER", (120,), True),
        ("PRO", (-25, 37), False),
        ("PRO", (120, 37), True),
        ("ALA", (), False),
    ],
)
def test_known_rotamers(name: str, degrees: tuple[float, ...], wrong: bool) -> None:
    assert outlier(name, *degrees) is wrong


@pytest.mark.parametrize("name", ["VAL", "SER", "THR", "CYS"])
def test_the_density_of_one_angle_adds_up_to_one(name: str) -> None:
    grid = torch.full((3600, 4), math.nan, dtype=torch.double)
    grid[:, 0] = (torch.arange(3600, dtype=torch.double) / 10).deg2rad()
    density = rotamer_log_density(grid, kind(name).expand(3600)).exp()
    assert float(density.sum()) * 0.1 == pytest.approx(1, abs=1e-4)


def test_the_density_of_two_angles_adds_up_to_one_over_their_periods() -> None:
    first, second = torch.meshgrid(torch.arange(0.0, 360, 3), torch.arange(0.0, 180, 3), indexing="ij")
    grid = torch.full((first.numel(), 4), math.nan)
    grid[:, 0], grid[:, 1] = first.flatten().deg2rad(), second.flatten().deg2rad()
    density = rotamer_log_density(grid, kind("ASP").expand(len(grid))).exp()
    assert float(density.double().sum()) * 9 == pytest.approx(1, abs=1e-3)


def test_period_of_360_or_180_degrees() -> None:
    once = rotamer_log_density(angles(-65, 80), kind("TYR"))
    for other in (angles(295, 80), angles(-65, -100), angles(-65, 260)):
        torch.testing.assert_close(rotamer_log_density(other, kind("TYR")), once, atol=1e-4, rtol=0)
    assert abs(float(rotamer_log_density(angles(-65, -10), kind("ASN")) - once)) > 0
    rotated = rotamer_log_density(angles(-65, -20 + 180), kind("ASN"))
    assert float(rotamer_log_density(angles(-65, -20), kind("ASN")) - rotated) > 0.3  # an amide's ends differ


def test_unknown_angles_are_not_judged() -> None:
    for name, degrees in (("LEU", (-65.0,)), ("GLY", ()), ("ALA", ()), ("UNK", ())):
        assert rotamer_log_density(angles(*degrees), kind(name)).isnan().all()
        assert not outlier(name, *degrees)


def test_gradient_leads_to_a_rotamer() -> None:
    chi = torch.tensor([[-100.0, 150.0, math.nan, math.nan], [math.nan] * 4]).deg2rad().requires_grad_()
    before = rotamer_log_density(chi, torch.cat([kind("LEU"), kind("ALA")]))
    (gradient,) = torch.autograd.grad(before[0], chi)
    assert gradient.isfinite().all() and gradient[0, :2].abs().min() > 0
    moved = chi.detach() + 0.05 * torch.nn.functional.normalize(gradient, dim=-1)
    assert rotamer_log_density(moved[:1], kind("LEU"))[0] > before[0]


def test_tables() -> None:
    for name, atoms in chemistry.CHI_ATOMS.items():
        found = rotamers(name)
        assert found.chi.shape == found.deviation.shape == (len(found.fraction), len(atoms))
        assert float(found.fraction.sum()) == pytest.approx(1, abs=1e-5)
        assert (found.fraction.diff() <= 0).all() and (found.deviation >= 6).all()
    assert rotamers("LEU").chi[0].tolist() == pytest.approx([-65, 175], abs=8)
    with pytest.raises(ValueError, match="no rotamers for 'GLY'"):
        rotamers("GLY")


def test_natives_have_few_outliers_and_noise_many(globin: Structure) -> None:
    before = stereochemistry(globin)
    with_chi = ~chi_angles(globin.positions, globin.present, globin.residues)[:, 0].isnan()
    assert before.rotamer_evaluated == int(with_chi.sum()) > 150
    assert before.rotamer.sum() < 0.1 * before.rotamer_evaluated
    noise = 0.7 * torch.randn(globin.positions.shape, generator=torch.Generator().manual_seed(0))
    after = stereochemistry(globin.with_positions(globin.positions + noise))
    assert after.rotamer.sum() > 3 * before.rotamer.sum()
    probability = rotamer_log_probability(globin.positions, globin.present, globin.residues)
    assert torch.equal(~probability.isnan(), with_chi)
