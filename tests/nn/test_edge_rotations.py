"""Rotations of every degree against e3nn and against the harmonics; frames of edges in every direction."""

import pytest
import torch
from e3nn import o3

from protein_enn.nn.edge_rotations import EdgeAlignment, WignerMatrices, edge_frames
from protein_enn.nn.spherical import degree_slice, spherical_harmonics
from protein_enn.testing import random_rotation

ROTATIONS = torch.stack([random_rotation(seed) for seed in range(12)]).view(4, 3, 3, 3)
POLES = torch.tensor([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64)


def directions(n: int = 5, k: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.nn.functional.normalize(torch.randn(n, k, 3, generator=generator, dtype=torch.float64), dim=-1)


def test_harmonics_rotate_by_wigner_matrices():
    d = directions(4, 3)
    after = spherical_harmonics(3, (ROTATIONS @ d[..., None]).squeeze(-1))
    before = spherical_harmonics(3, d)
    matrices = WignerMatrices(3)(ROTATIONS)
    assert [m.shape for m in matrices] == [(4, 3, 3, 3), (4, 3, 5, 5), (4, 3, 7, 7)]
    for degree, matrix in enumerate(matrices, start=1):
        inside = degree_slice(degree)
        rotated = (matrix @ before[..., inside, None]).squeeze(-1)
        torch.testing.assert_close(rotated, after[..., inside], atol=1e-12, rtol=0)


def test_the_same_as_e3nn():
    """To single precision, which is what e3nn's matrices have."""
    angles = o3.matrix_to_angles(ROTATIONS)
    for degree, matrix in enumerate(WignerMatrices(3)(ROTATIONS), start=1):
        torch.testing.assert_close(matrix, o3.wigner_D(degree, *angles), atol=2e-6, rtol=0)


def test_they_compose_and_are_orthogonal():
    wigner = WignerMatrices(3)
    one, other = ROTATIONS[:2], ROTATIONS[2:]
    for a, b, both in zip(wigner(one), wigner(other), wigner(one @ other), strict=True):
        torch.testing.assert_close(a @ b, both, atol=1e-12, rtol=0)
        identity = torch.eye(a.shape[-1], dtype=torch.float64).expand_as(a)
        torch.testing.assert_close(a @ a.mT, identity, atol=1e-12, rtol=0)


def test_matrices_are_differentiable():
    rotation = ROTATIONS[:1, :1].clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda r: tuple(WignerMatrices(3)(r)), (rotation,))


@pytest.mark.parametrize("length", [1.0, 1e-3, 40.0])
def test_frames_rotate_the_edge_onto_the_pole(length):
    d = torch.cat([directions().view(-1, 3), POLES, torch.eye(3).double(), -torch.eye(3).double()])
    almost = torch.nn.functional.normalize(POLES + torch.tensor([1e-9, 0.0, -2e-9]), dim=-1)
    d = torch.cat([d, almost])[None]
    frames = edge_frames(length * d)
    identity = torch.eye(3, dtype=torch.float64).expand_as(frames)
    torch.testing.assert_close((frames @ d[..., None]).squeeze(-1), POLES[0].expand_as(d), atol=1e-12, rtol=0)
    torch.testing.assert_close(frames @ frames.mT, identity, atol=1e-12, rtol=0)
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones_like(d[..., 0]), atol=1e-12, rtol=0)


def test_no_direction_gives_the_identity():
    torch.testing.assert_close(edge_frames(torch.zeros(2, 3, 3)), torch.eye(3).expand(2, 3, 3, 3))


def test_gradients_are_finite_everywhere():
    d = torch.cat([POLES, torch.zeros(1, 3), 1e-7 * POLES, torch.eye(3)]).float()[None].requires_grad_(True)
    for matrix in WignerMatrices(3)(edge_frames(d)):
        matrix.square().sum().backward(retain_graph=True)
        (matrix * torch.linspace(-1, 1, matrix.shape[-1])).sum().backward(retain_graph=True)
    assert d.grad is not None
    assert d.grad.isfinite().all()
    assert not d.grad[:, 2].any()  # no direction: no gradient


@pytest.mark.parametrize("lmax", [1, 2, 3])
@pytest.mark.parametrize("mmax", [0, 1, 3])
def test_edge_rotations_hold_the_rows_of_each_m(lmax, mmax):
    d = directions()
    rotations = EdgeAlignment(lmax, mmax)(d, torch.zeros(5, 7, dtype=torch.long))
    matrices = [torch.ones(5, 7, 1, 1).double(), *WignerMatrices(lmax)(edge_frames(d))]
    row = column = 0
    for m in range(min(lmax, mmax) + 1):
        for signed in (m, -m) if m else (0,):
            for degree in range(m, lmax + 1):
                expected = torch.zeros(5, 7, (lmax + 1) ** 2, dtype=torch.float64)
                expected[..., degree_slice(degree)] = matrices[degree][..., degree + signed, :]
                assert torch.equal(rotations.matrix[..., row, :], expected)
                size = 2 * degree + 1
                assert torch.equal(rotations.rows[..., column : column + size], expected[..., degree_slice(degree)])
                row, column = row + 1, column + size
    assert rotations.matrix.shape == (5, 7, row, (lmax + 1) ** 2)
    assert rotations.rows.shape == (5, 7, column)


def test_rows_without_m_are_the_harmonics():
    d = directions()
    rows = EdgeAlignment(3, 0)(d, torch.zeros(5, 7, dtype=torch.long)).rows
    sizes = torch.tensor([1.0] + [3.0] * 3 + [5.0] * 5 + [7.0] * 7).double()
    torch.testing.assert_close(rows * sizes.sqrt(), spherical_harmonics(3, d), atol=1e-12, rtol=0)


def test_edge_rotations_stay_float32_under_autocast():
    d, none = directions().float(), torch.zeros(5, 7, dtype=torch.long)
    expected = EdgeAlignment(2)(d, none)
    with torch.autocast("cpu", torch.bfloat16):
        rotations = EdgeAlignment(2)(d, none)
    assert torch.equal(rotations.matrix, expected.matrix)
