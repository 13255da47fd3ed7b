"""lDDT against biotite's, and on cases that one can count by hand."""

from __future__ import annotations

import math

import biotite.structure as struc
import numpy as np
import pytest
import torch

from protein_enn import chemistry
from protein_enn.metrics import lddt
from protein_enn.metrics.lddt import best_naming
from protein_enn.structure import Structure


def noisy(structure: Structure, scale: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = scale * torch.randn(structure.positions.shape, generator=generator)
    return torch.where(structure.present[..., None], structure.positions + noise, 0.0)


def trace(x: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """CA atoms on a line."""
    positions, present = torch.zeros(len(x), 37, 3), torch.zeros(len(x), 37, dtype=torch.bool)
    positions[:, chemistry.CA, 0], present[:, chemistry.CA] = torch.tensor(x), True
    return positions, present


@pytest.mark.parametrize("ca_only", [True, False])
@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_agrees_with_biotite(chain: Structure, scale: float, ca_only: bool) -> None:
    model = noisy(chain, scale)
    mask = chain.present.clone()
    if ca_only:
        mask[:, [k for k in range(37) if k != chemistry.CA]] = False
    array = struc.AtomArray(int(mask.sum()))
    array.coord = chain.positions[mask].numpy()
    array.res_id = (mask.nonzero()[:, 0] + 1).numpy()
    array.chain_id[:] = "A"
    mine = lddt(model, chain.positions, chain.present, ca_only=ca_only)
    theirs = struc.lddt(array, model[mask].numpy(), aggregation="residue")
    whole = struc.lddt(array, model[mask].numpy())
    np.testing.assert_allclose(mine.per_residue.numpy(), theirs, atol=2e-4)
    assert mine.mean == pytest.approx(float(whole), abs=1e-4)


def test_counted_by_hand() -> None:
    native, present = trace([0.0, 3.0, 10.0, 20.0])
    model, _ = trace([0.0, 3.7, 10.0, 20.0])
    # Pairs within 15 Å: 01 and 12 change by 0.7 (score 3/4), 02 and 23 by 0; 13 (17 Å) and 03 (20 Å) are too far.
    score = lddt(model, native, present)
    assert score.per_residue.tolist() == pytest.approx([7 / 8, 3 / 4, 11 / 12, 1.0])
    assert score.mean == pytest.approx(3.5 / 4)


def test_the_radius_is_taken_in_the_native() -> None:
    native, present = trace([0.0, 14.0])
    model, _ = trace([0.0, 90.0])
    assert lddt(model, native, present).mean == 0.0
    assert math.isnan(lddt(native, model, present).mean)


def test_missing_atoms_and_lonely_residues(chain: Structure) -> None:
    present = chain.present.clone()
    present[5] = False
    model = noisy(chain, 0.5)
    moved = model.clone()
    moved[5] += 100
    a, b = lddt(model, chain.positions, present), lddt(moved, chain.positions, present)
    assert a.mean == b.mean
    assert a.per_residue[5].isnan() and not a.per_residue[6].isnan()


def test_pose_does_not_matter(chain: Structure) -> None:
    model = noisy(chain, 0.5)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))
    a = lddt(model, chain.positions, chain.present)
    b = lddt(model @ rotation.T + 7, chain.positions, chain.present)
    assert a.mean == pytest.approx(b.mean, abs=1e-4)


def test_equivalent_names_are_free(chain: Structure) -> None:
    swapped = chain.positions.clone()
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        rows = chain.residues == chemistry.RESIDUE_INDEX[name]
        for a, b in pairs:
            i, j = chemistry.ATOM_INDEX[a], chemistry.ATOM_INDEX[b]
            swapped[rows, i], swapped[rows, j] = chain.positions[rows, j], chain.positions[rows, i]
    assert lddt(swapped, chain.positions, chain.present).mean < 0.999
    score = lddt(swapped, chain.positions, chain.present, residues=chain.residues)
    assert score.mean == 1.0
    renamed = best_naming(swapped, chain.positions, chain.present, chain.residues)
    assert torch.equal(renamed, chain.positions)


def test_half_a_pair_is_not_renamed(chain: Structure) -> None:
    present = chain.present.clone()
    present[:, chemistry.ATOM_INDEX["OD2"]] = False
    model = torch.where(present[..., None], noisy(chain, 2.0), 0.0)
    renamed = best_naming(model, chain.positions, present, chain.residues)
    aspartate = chain.residues == chemistry.RESIDUE_INDEX["ASP"]
    assert torch.equal(renamed[aspartate], model[aspartate])
