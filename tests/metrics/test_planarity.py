"""Planar groups: natives are flat, a bent group is found, and only it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.metrics.covalent import joined
from protein_enn.metrics.planarity import LIMIT, PLANES, plane_deviations
from protein_enn.metrics.stereochemistry import stereochemistry
from protein_enn.structure import Structure

SLOT = chemistry.ATOM_INDEX


def deviations(structure: Structure) -> torch.Tensor:
    chains = joined(structure.positions, structure.present, structure.chains)
    return plane_deviations(chains, structure.residues)


def fitted(points: np.ndarray) -> float:
    """Largest distance from the plane of least squares, by numpy."""
    apart = points - points.mean(0)
    return float(np.abs(apart @ np.linalg.svd(apart)[2][2]).max())


def whole(structure: Structure, name: str) -> list[int]:
    rows = structure.residues == chemistry.RESIDUE_INDEX[name]
    found: list[int] = (rows & structure.present[:, [SLOT[a] for a in PLANES[name]]].all(1)).nonzero()[:, 0].tolist()
    return found


@pytest.mark.parametrize("name", PLANES)
def test_side_chain_groups_agree_with_a_fitted_plane(globin: Structure, name: str) -> None:
    noise = 0.05 * torch.randn(globin.positions.shape, generator=torch.Generator().manual_seed(0))
    moved = globin.with_positions(globin.positions + noise)
    found = deviations(moved)[:, 0]
    rows = whole(globin, name)
    assert rows
    for row in rows:
        points = moved.positions[row, [SLOT[a] for a in PLANES[name]]].double().numpy()
        assert float(found[row]) == pytest.approx(fitted(points), abs=5e-3)


def test_peptide_groups_agree_with_a_fitted_plane(globin: Structure) -> None:
    noise = 0.05 * torch.randn(globin.positions.shape, generator=torch.Generator().manual_seed(1))
    moved = globin.with_positions(globin.positions + noise)
    found = deviations(moved)[:, 1]
    starts = torch.cat([torch.tensor([True]), globin.chains.diff() != 0])
    assert found[starts].isnan().all()  # a chain's first residue has no peptide bond before it
    assert not found[~starts].isnan().any()
    for row in (~starts).nonzero()[:, 0].tolist()[::7]:
        points = torch.cat([moved.positions[row - 1, [SLOT["CA"], SLOT["C"], SLOT["O"]]], moved.positions[row, :1]])
        assert float(found[row]) == pytest.approx(fitted(points.double().numpy()), abs=5e-3)


def test_natives_are_flat(cryo: Structure) -> None:
    found = stereochemistry(cryo)
    assert found.planarity_outliers <= 0.01 * len(cryo)


@pytest.mark.parametrize(("name", "atom"), [("PHE", "CE1"), ("ARG", "CZ"), ("ASN", "CG"), ("TRP", "CE3")])
def test_a_bent_group_is_found(globin: Structure, name: str, atom: str) -> None:
    before = stereochemistry(globin)
    row = next(row for row in whole(globin, name) if not before.planarity[row])
    points = globin.positions[row, [SLOT[a] for a in PLANES[name]]].double()
    normal = torch.linalg.svd(points - points.mean(0)).Vh[2].float()
    positions = globin.positions.clone()
    positions[row, SLOT[atom]] += 0.3 * normal
    after = stereochemistry(globin.with_positions(positions))
    assert (after.planarity & ~before.planarity).nonzero().flatten().tolist() == [row]
    assert after.planarity_outliers == before.planarity_outliers + 1
    assert after.summary()["planarity_outliers"] == after.planarity_outliers


def test_a_bent_carbonyl_counts_for_the_residue_after_it(globin: Structure) -> None:
    before = stereochemistry(globin)
    row = next(row for row in range(5, 50) if not before.planarity[row : row + 2].any())
    ca, c, o, n = (*globin.positions[row, [SLOT["CA"], SLOT["C"], SLOT["O"]]], globin.positions[row + 1, SLOT["N"]])
    normal = torch.linalg.cross(ca - c, n - c)
    positions = globin.positions.clone()
    positions[row, SLOT["O"]] += 0.7 * normal / normal.norm()
    after = stereochemistry(globin.with_positions(positions))
    assert (after.planarity & ~before.planarity).nonzero().flatten().tolist() == [row + 1]
    assert float((o - c).norm()) < 1.4  # the test took the carbonyl it meant


def test_missing_atoms_are_not_judged_and_the_mirror_image_is_as_flat(globin: Structure) -> None:
    present = globin.present.clone()
    present[:, SLOT["CZ"]] = False
    chains = joined(globin.positions, present, globin.chains)
    found = plane_deviations(chains, globin.residues)
    for name in ("PHE", "TYR", "ARG"):
        assert found[globin.residues == chemistry.RESIDUE_INDEX[name], 0].isnan().all()
    mirror = globin.with_positions(globin.positions * torch.tensor([1.0, 1.0, -1.0]))
    torch.testing.assert_close(deviations(mirror), deviations(globin), equal_nan=True)
    assert pytest.approx(0.08) == LIMIT
