"""Radial bases and cutoffs against their closed forms, and how smooth they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from protein_enn.nn.radial import BesselBasis, GaussianBasis, polynomial_cutoff, safe_norm, smooth_cutoff

CUTOFF = 7.0


def test_bessel_basis_is_its_formula():
    r = torch.linspace(0.01, CUTOFF, 300, dtype=torch.float64)
    b = torch.arange(1, 9, dtype=torch.float64)
    expected = math.sqrt(2 / CUTOFF) * torch.sin(b * math.pi * r[:, None] / CUTOFF) / r[:, None]
    torch.testing.assert_close(BesselBasis(8, CUTOFF).double()(r), expected, atol=1e-13, rtol=0)


def test_bessel_basis_is_orthonormal_in_the_ball():
    """Gauss-Legendre quadrature with 60 nodes is exact to rounding for these frequencies."""
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(60))
    r, w = CUTOFF * (nodes + 1) / 2, CUTOFF * weights / 2
    values = BesselBasis(10, CUTOFF).double()(r)
    torch.testing.assert_close(
        (values * (w * r**2)[:, None]).T @ values, torch.eye(10, dtype=torch.float64), atol=1e-12, rtol=0
    )


def test_bessel_basis_solves_its_differential_equation():
    """f'' + 2 f' / r + (b pi / c)^2 f = 0, by second derivatives on both sides of the switch to the series."""
    basis = BesselBasis(3, CUTOFF).double()
    for b in range(3):
        r = torch.tensor([1e-3, 0.05, 0.07, 0.2, 0.23, 1.0, 6.9], dtype=torch.float64, requires_grad=True)
        value = basis(r)[:, b]
        (first,) = torch.autograd.grad(value.sum(), r, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), r)
        residual = second + 2 * first / r + ((b + 1) * math.pi / CUTOFF) ** 2 * value
        torch.testing.assert_close(residual, torch.zeros_like(residual), atol=1e-10, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bessel_basis_is_finite_and_flat_at_zero(dtype):
    """The limit sqrt(2 / c) b pi / c, and the slope -(b pi)^3 r sqrt(2 / c) / (3 c^3), with the digits of the type."""
    r = torch.tensor([0.0, 1e-6, 1e-4, 1e-3], dtype=dtype, requires_grad=True)
    basis = BesselBasis(5, CUTOFF).to(dtype)
    k = torch.arange(1, 6, dtype=dtype) * math.pi / CUTOFF
    torch.testing.assert_close(basis(r)[0], math.sqrt(2 / CUTOFF) * k)
    slopes = torch.stack([torch.autograd.grad(basis(r)[:, b].sum(), r)[0] for b in range(5)], -1)
    expected = -math.sqrt(2 / CUTOFF) * k**3 * r.detach()[:, None] / 3
    torch.testing.assert_close(slopes, expected, atol=1e-20, rtol=1e-5)
    (first,) = torch.autograd.grad(basis(r).sum(), r, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), r)
    assert second.isfinite().all()


def test_polynomial_cutoff_has_the_power_of_the_paper():
    torch.testing.assert_close(
        polynomial_cutoff(torch.tensor(0.5), 1.0), torch.tensor(1 - 28 / 64 + 48 / 128 - 21 / 256)
    )


@pytest.mark.parametrize("p", [1, 3, 6])
def test_polynomial_cutoff_is_its_formula(p):
    r = torch.linspace(0, CUTOFF, 200, dtype=torch.float64)
    d = r / CUTOFF
    expected = 1 - (p + 1) * (p + 2) / 2 * d**p + p * (p + 2) * d ** (p + 1) - p * (p + 1) / 2 * d ** (p + 2)
    torch.testing.assert_close(polynomial_cutoff(r, CUTOFF, p), expected, atol=1e-13, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_polynomial_cutoff_falls_from_one_to_zero_and_is_never_negative(dtype):
    values = polynomial_cutoff(torch.linspace(0, 2 * CUTOFF, 4001, dtype=dtype), CUTOFF)
    assert values[0] == 1
    assert (values[2000:] == 0).all()
    assert (values[:2000] > 0).all()
    assert (values.diff() <= 4 * torch.finfo(dtype).eps).all()


def derivatives(function, r: float) -> list[float]:
    """Value and first three derivatives."""
    x = torch.tensor(r, dtype=torch.float64, requires_grad=True)
    values = [function(x)]
    for _ in range(3):
        values.append(torch.autograd.grad(values[-1], x, create_graph=True)[0])
    return [float(f.detach()) for f in values]


def test_derivatives_at_the_cutoff():
    """Both cutoffs have slope zero there. The polynomial has curvature zero as well, the cosine does not."""
    inside = CUTOFF * (1 - 1e-9)
    polynomial = derivatives(lambda r: polynomial_cutoff(r, CUTOFF), inside)
    cosine = derivatives(lambda r: smooth_cutoff(r, CUTOFF), inside)
    assert polynomial[:3] == pytest.approx([0, 0, 0], abs=1e-6)
    assert cosine[:2] == pytest.approx([0, 0], abs=1e-6)
    assert cosine[2] == pytest.approx(0.5 * (math.pi / CUTOFF) ** 2, abs=1e-6)
    assert derivatives(lambda r: polynomial_cutoff(r, CUTOFF), 1.5 * CUTOFF)[:3] == [0, 0, 0]


def test_polynomial_cutoff_is_flat_at_zero():
    """p - 1 derivatives vanish there, so that the product with a basis keeps the basis' shape at short distances."""
    assert derivatives(lambda r: polynomial_cutoff(r, CUTOFF), 0.0) == pytest.approx([1, 0, 0, 0], abs=1e-12)


def test_bessel_basis_times_cutoff_is_smooth_across_the_cutoff():
    """Second differences on a grid through the cutoff stay of the order of the grid's square."""
    step = 1e-3
    r = torch.arange(CUTOFF - 0.5, CUTOFF + 0.5, step, dtype=torch.float64)
    values = BesselBasis(8, CUTOFF).double()(r) * polynomial_cutoff(r, CUTOFF)[:, None]
    curvature = values.diff(n=2, dim=0) / step**2
    assert curvature.diff(dim=0).abs().max() < 1e-2
    assert values[r > CUTOFF].abs().max() == 0


def test_gaussian_basis_is_its_formula():
    r = torch.rand(4, 3) * 20
    values = GaussianBasis(6, 1.5, 16.5)(r)
    assert values.shape == (4, 3, 6)
    expected = torch.exp(-(((r[..., None] - torch.tensor([1.5, 4.5, 7.5, 10.5, 13.5, 16.5])) / 3.0) ** 2))
    torch.testing.assert_close(values, expected)


def test_safe_norm_has_a_gradient_at_zero():
    vectors = torch.zeros(2, 3, requires_grad=True)
    safe_norm(vectors).sum().backward()
    assert vectors.grad is not None and (vectors.grad == 0).all()
