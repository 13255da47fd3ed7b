"""Radial functions: smooth bases of the distance and smooth cutoffs."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GaussianBasis(nn.Module):
    """exp(-((r - mu_b) / sigma)^2) with centers mu evenly spaced over [start, stop], sigma their spacing (Å).

    SchNet's basis, arXiv:1706.08566. r (*n) -> (*n, size), 0e.
    """

    LARGEST_EXPONENT = 50.0  # e^-50 is practically zero, and far above denormal numbers, which are slow
    centers: Tensor

    def __init__(self, size: int, start: float, stop: float) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = "1x0e", f"{size}x0e"
        self.register_buffer("centers", torch.linspace(start, stop, size), persistent=False)
        self.inverse_width = (size - 1) / (stop - start)

    def forward(self, r: Float[Tensor, "*n"]) -> Float[Tensor, "*n b"]:
        steps = (r * self.inverse_width)[..., None] - self.centers * self.inverse_width
        if steps.requires_grad:
            return torch.exp(-steps.square().clamp_max(self.LARGEST_EXPONENT))
        return steps.square_().clamp_max_(self.LARGEST_EXPONENT).neg_().exp_()  # in place: half the time


class BesselBasis(nn.Module):
    """sqrt(2 / c) sin(b pi r / c) / r for b = 1 .. size: spherical Bessel functions of degree 0 that vanish at r = c.

    DimeNet's, arXiv:2003.03123, eq. 7: orthonormal in a ball, integral_0^c f_a f_b r^2 dr = 1 where a = b, 0 elsewhere.
    The slope at c is not zero, and beyond c they are not zero: multiply them by a cutoff.
    r (*n) in Å -> (*n, size), 0e.
    """

    frequencies: Tensor

    def __init__(self, size: int, cutoff: float) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = "1x0e", f"{size}x0e"
        whole = torch.arange(1, size + 1, dtype=torch.get_default_dtype())  # exact, whatever the module is cast to
        self.register_buffer("frequencies", whole, persistent=False)
        self.cutoff = cutoff

    def forward(self, r: Float[Tensor, "*n"]) -> Float[Tensor, "*n b"]:
        phase = r[..., None] * (math.pi / self.cutoff) * self.frequencies
        return (2 / self.cutoff) ** 0.5 * (math.pi / self.cutoff) * self.frequencies * _sine_over(phase)


def _sine_over(x: Tensor) -> Tensor:
    """sin(x) / x, accurate near 0 also in its gradients, where those of `torch.sinc` are not."""
    near = x.abs() < 0.1
    square = torch.where(near, x, 0.0).square()
    series = 1 - square / 6 * (1 - square / 20 * (1 - square / 42 * (1 - square / 72)))
    far = torch.where(near, 1.0, x)
    return torch.where(near, series, far.sin() / far)


def smooth_cutoff(r: Float[Tensor, "*n"], cutoff: float) -> Float[Tensor, "*n"]:
    """0.5 (cos(pi r / cutoff) + 1) below the cutoff, 0 beyond it: Behler & Parrinello (2007), eq. 4."""
    return torch.where(r < cutoff, 0.5 * (torch.cos(torch.pi * r / cutoff) + 1.0), torch.zeros_like(r))


def polynomial_cutoff(r: Float[Tensor, "*n"], cutoff: float, p: int = 6) -> Float[Tensor, "*n"]:
    """1 - (p+1)(p+2)/2 d^p + p(p+2) d^(p+1) - p(p+1)/2 d^(p+2) with d = r / cutoff, 0 beyond.

    DimeNet's, arXiv:2003.03123, eq. 8. It is flat near 0. Two derivatives are zero at the cutoff; of `smooth_cutoff`
    only one is. A larger p moves the decrease to larger distances. Computed as (1 - d)^3 sum_(i<p) (i+1)(i+2)/2 d^i,
    the same polynomial, whose terms do not cancel near the cutoff.
    """
    d = (r / cutoff).clamp(max=1.0)
    total = torch.zeros_like(d)
    for i in range(p - 1, -1, -1):
        total = total * d + (i + 1) * (i + 2) / 2
    return (1 - d) ** 3 * total


def safe_norm(vectors: Float[Tensor, "*n 3"], eps: float = 1e-8) -> Float[Tensor, "*n"]:
    """sqrt(|v|^2 + eps): a length with a finite gradient where atoms coincide."""
    return (vectors.square().sum(-1) + eps).sqrt()
