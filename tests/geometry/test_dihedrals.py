"""Dihedral angles: sign, definition, absence."""

from __future__ import annotations

import math

import pytest
import torch

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import backbone_dihedrals, chi_angles, dihedral, peptide_bonded


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 179.0, -60.0, -120.0])
def test_known_angle(degrees: float) -> None:
    # Looking along b -> c (+z), clockwise from +x is toward +y.
    angle = math.radians(degrees)
    a, b, c = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 1.5]]).unbind(0)
    d = torch.tensor([math.cos(angle), math.sin(angle), 1.5])
    assert math.degrees(float(dihedral(a, b, c, d))) == pytest.approx(degrees, abs=1e-4)
    mirror = torch.tensor([1.0, 1.0, -1.0])
    assert math.degrees(float(dihedral(*(mirror * p for p in (a, b, c, d))))) == pytest.approx(-degrees, abs=1e-4)


def helix(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """N, CA, C built atom by atom with phi -57, psi -47, omega 180 degrees."""
    x = [torch.tensor(p) for p in ([0.0, 0.0, 0.0], [1.459, 0.0, 0.0], [2.0, 1.42, 0.0])]
    steps = [(1.336, 117.2, -47.0), (1.459, 121.7, 180.0), (1.525, 111.0, -57.0)]
    while len(x) < 3 * n:
        length, bond_angle, torsion = steps[len(x) % 3]
        a, b, c = x[-3:]
        along = (c - b) / (c - b).norm()
        normal = torch.linalg.cross(b - a, along)
        normal = normal / normal.norm()
        side = torch.linalg.cross(normal, along)
        bond_angle, torsion = math.radians(bond_angle), math.radians(torsion)
        offset = -math.cos(bond_angle) * along + math.sin(bond_angle) * (
            math.cos(torsion) * side + math.sin(torsion) * normal
        )
        x.append(c + length * offset)
    positions, present = torch.zeros(n, 37, 3), torch.zeros(n, 37, dtype=torch.bool)
    slots = [chemistry.N, chemistry.CA, chemistry.C]
    positions[:, slots], present[:, slots] = torch.stack(x).view(n, 3, 3), True
    return positions, present


def test_backbone_of_a_helix() -> None:
    positions, present = helix(6)
    angles = torch.rad2deg(backbone_dihedrals(positions, present, torch.zeros(6, dtype=torch.long)))
    assert angles[1:, 0].tolist() == pytest.approx([-57.0] * 5, abs=0.01)
    assert angles[:-1, 1].tolist() == pytest.approx([-47.0] * 5, abs=0.01)
    assert angles[1:, 2].abs().tolist() == pytest.approx([180.0] * 5, abs=0.05)
    assert angles[0, 0].isnan() and angles[-1, 1].isnan() and angles[0, 2].isnan()


def test_nothing_across_chains_breaks_and_missing_atoms() -> None:
    positions, present = helix(8)
    positions[4:] += 3.0
    present[6, chemistry.CA] = False
    chains = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    bonded = peptide_bonded(positions, present, chains)
    assert bonded.tolist() == [True, False, True, False, True, True, True, False]
    angles = backbone_dihedrals(positions, present, chains)
    assert angles[[2, 4, 6], 0].isnan().all() and angles[[1, 3, 6], 1].isnan().all()
    assert angles[[2, 4, 6, 7], 2].isnan().all()
    assert not angles[5].isnan().any()


def test_chi_needs_the_right_residue() -> None:
    positions, present = torch.zeros(2, 37, 3), torch.zeros(2, 37, dtype=torch.bool)
    atoms = [chemistry.ATOM_INDEX[name] for name in ("N", "CA", "CB", "OG")]
    positions[:, atoms] = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 1.5], [0, 1, 1.5]])
    present[:, atoms] = True
    serine_glycine = torch.tensor([chemistry.RESIDUE_INDEX[name] for name in ("SER", "GLY")])
    chi = torch.rad2deg(chi_angles(positions, present, serine_glycine))
    assert float(chi[0, 0]) == pytest.approx(90.0)
    assert chi[0, 1:].isnan().all() and chi[1].isnan().all()
