"""Superposition restores moved points, never by a reflection."""

from __future__ import annotations

import pytest
import torch
from scipy.spatial.transform import Rotation

from protein_enn.geometry.superposition import moved, rmsd, superpose


def points(n: int, seed: int = 0) -> torch.Tensor:
    return 10 * torch.randn(n, 3, generator=torch.Generator().manual_seed(seed))


def test_restores_a_rigid_motion() -> None:
    x = points(20)
    expected = torch.tensor(Rotation.from_euler("xyz", [0.3, -1.0, 2.5]).as_matrix(), dtype=torch.float)
    shift = torch.tensor([5.0, -3.0, 100.0])
    rotation, t = superpose(x, x @ expected.T + shift)
    torch.testing.assert_close(rotation, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(x @ rotation.T + t, x @ expected.T + shift, atol=1e-4, rtol=0)


def test_agrees_with_scipy_with_weights() -> None:
    x, y, w = points(15), points(15, seed=1), torch.rand(15, generator=torch.Generator().manual_seed(2))
    mean_x, mean_y = ((w[:, None] * z).sum(0) / w.sum() for z in (x, y))
    theirs, _ = Rotation.align_vectors((y - mean_y).numpy(), (x - mean_x).numpy(), weights=w.numpy())
    rotation, _ = superpose(x, y, w)
    torch.testing.assert_close(rotation.double(), torch.tensor(theirs.as_matrix()), atol=1e-4, rtol=0)


def test_never_reflects() -> None:
    x = points(20)
    mirror = x * torch.tensor([1.0, 1.0, -1.0])
    rotation, _ = superpose(x, mirror)
    assert torch.det(rotation) == pytest.approx(1.0, abs=1e-5)
    assert rmsd(x, mirror) > 1.0


def test_batches_equal_single_calls() -> None:
    x, y = torch.stack([points(8), points(8, 1)]), torch.stack([points(8, 2), points(8, 3)])
    rotations, shifts = superpose(x, y)
    for k in range(2):
        rotation, shift = superpose(x[k], y[k])
        torch.testing.assert_close(rotations[k], rotation)
        torch.testing.assert_close(moved(x, rotations, shifts)[k], moved(x[k], rotation, shift))


def test_rmsd_by_hand() -> None:
    x = torch.tensor([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    y = torch.tensor([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    assert rmsd(x, y) == pytest.approx(1.0)  # centered: each end 1 Å off
    assert rmsd(x, y, superposed=False) == pytest.approx(2**0.5)


@pytest.mark.parametrize("weights", [None, torch.zeros(2)])
def test_nothing_to_superpose_is_refused(weights: torch.Tensor | None) -> None:
    x = torch.zeros(0 if weights is None else 2, 3)
    with pytest.raises(ValueError, match="superpose needs"):
        superpose(x, x, weights)
