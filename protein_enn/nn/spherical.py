"""Real spherical harmonics and their coupling, to l = 3, in e3nn's basis and component normalization."""

from __future__ import annotations

import functools
import math

import torch
from jaxtyping import Float
from torch import Tensor

MAX_DEGREE = 3


def spherical_harmonics(lmax: int, unit_vectors: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n m"]:
    """Y_0 .. Y_lmax, concatenated, of unit vectors: (lmax + 1)^2 components, mean square 1 in each degree.

    Axis order (x, y, z) with y as the polar axis, so that Y_1 = sqrt(3) (x, y, z): arXiv:2207.09453, section 3.
    ValueError where lmax is not 0 to 3.

    Examples
    --------
    >>> spherical_harmonics(1, torch.tensor([0.0, 1.0, 0.0])).round(decimals=3).tolist()
    [1.0, 0.0, 1.7319999933242798, 0.0]
    """
    if not 0 <= lmax <= MAX_DEGREE:
        raise ValueError(f"lmax must be 0 to {MAX_DEGREE}, not {lmax}")
    x, y, z = unit_vectors.unbind(-1)
    parts = [torch.ones_like(x)]
    if lmax >= 1:
        parts += [math.sqrt(3) * x, math.sqrt(3) * y, math.sqrt(3) * z]
    if lmax >= 2:
        a = math.sqrt(15)
        parts += [a * x * z, a * x * y, math.sqrt(5) * (y * y - 0.5 * (x * x + z * z)), a * y * z]
        parts += [0.5 * a * (z * z - x * x)]
    if lmax >= 3:
        b, c, d = math.sqrt(70) / 4, math.sqrt(105), math.sqrt(42) / 4
        parts += [b * x * (3 * z * z - x * x), c * x * y * z, d * x * (4 * y * y - x * x - z * z)]
        parts += [math.sqrt(7) / 2 * y * (2 * y * y - 3 * x * x - 3 * z * z), d * z * (4 * y * y - x * x - z * z)]
        parts += [c / 2 * y * (z * z - x * x), b * z * (z * z - 3 * x * x)]
    return torch.stack(parts, -1)


def degree_slice(degree: int) -> slice:
    """The components of degree l among those of all degrees from 0 on."""
    return slice(degree * degree, (degree + 1) * (degree + 1))


@functools.lru_cache
def gaunt(l1: int, l2: int, l3: int) -> Tensor:
    """Coupling (2 l1 + 1, 2 l2 + 1, 2 l3 + 1) with Frobenius norm 1, from the integral of Y_l1 Y_l2 Y_l3.

    It is proportional to the 3j symbol where l1 + l2 + l3 is even (natural parity), by the Wigner-Eckart theorem.
    Elsewhere the integral is zero: ValueError. The quadrature is exact for these degrees. float64.
    """
    if (l1 + l2 + l3) % 2 or not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"no natural-parity coupling of degrees {l1}, {l2}, {l3}")
    cosine, weight = _gauss_legendre(8)
    angle = 2 * torch.pi * torch.arange(16, dtype=torch.float64) / 16
    sine = (1 - cosine**2).sqrt()[:, None]
    points = torch.stack([sine * angle.cos(), cosine[:, None].expand(-1, 16), sine * angle.sin()], -1)
    sh = spherical_harmonics(MAX_DEGREE, points.reshape(-1, 3))
    weights = (weight / 32).repeat_interleave(16)
    a, b, c = (sh[:, degree_slice(degree)] for degree in (l1, l2, l3))
    coupling = torch.einsum("p,pi,pj,pk->ijk", weights, a, b, c)
    coupling[coupling.abs() < 1e-12] = 0.0
    return coupling / coupling.norm()


@functools.lru_cache
def coupling(l1: int, l2: int, l3: int) -> Tensor:
    """Coupling (2 l1 + 1, 2 l2 + 1, 2 l3 + 1) with Frobenius norm 1, of either parity: the 3j symbol up to sign.

    Where l1 + l2 + l3 is odd it is the triple product of gradients: eps_abc contracted with couplings that raise each
    degree l - 1 to l, and these coupled in natural parity. An invariant of that symmetry is unique up to its length.
    float64; ValueError outside the triangle.
    """
    if not abs(l1 - l2) <= l3 <= l1 + l2:
        raise ValueError(f"no coupling of degrees {l1}, {l2}, {l3}: not a triangle")
    if (l1 + l2 + l3) % 2 == 0:
        return gaunt(l1, l2, l3)
    epsilon = torch.zeros(3, 3, 3, dtype=torch.float64)
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        epsilon[a, b, c], epsilon[b, a, c] = 1.0, -1.0
    lower = gaunt(l1 - 1, l2 - 1, l3 - 1)
    raised = [gaunt(1, degree - 1, degree) for degree in (l1, l2, l3)]
    result = torch.einsum("abc,pqr,api,bqj,crk->ijk", epsilon, lower, *raised)
    result[result.abs() < 1e-12] = 0.0
    return result / result.norm()


def _gauss_legendre(size: int) -> tuple[Float[Tensor, "s"], Float[Tensor, "s"]]:
    """Nodes and weights of Gauss-Legendre quadrature on [-1, 1]: Golub & Welsch (1969), Math. Comp. 23:221."""
    i = torch.arange(1, size, dtype=torch.float64)
    beta = i / (4 * i * i - 1).sqrt()
    nodes, vectors = torch.linalg.eigh(torch.diag(beta, 1) + torch.diag(beta, -1))
    return nodes, 2 * vectors[0].square()
