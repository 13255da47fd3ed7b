"""Radial functions: a smooth basis of the distance and a smooth cutoff."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GaussianBasis(nn.Module):
    """exp(-((r - mu_b) / sigma)^2) with centres mu spread evenly over [start, stop], sigma their spacing (Å).

    r (*n) -> (*n, size), 0e.
    """

    centers: Tensor

    def __init__(self, size: int, start: float, stop: float) -> None:
        super().__init__()
        self.register_buffer("centers", torch.linspace(start, stop, size), persistent=False)
        self.inverse_width = (size - 1) / (stop - start)

    def forward(self, r: Float[Tensor, "*n"]) -> Float[Tensor, "*n b"]:
        return torch.exp(-((r[..., None] - self.centers) * self.inverse_width).square())


def smooth_cutoff(r: Float[Tensor, "*n"], cutoff: float) -> Float[Tensor, "*n"]:
    """0.5 (cos(pi r / cutoff) + 1) below the cutoff, 0 beyond it: Behler & Parrinello (2007), eq. 4."""
    return torch.where(r < cutoff, 0.5 * (torch.cos(torch.pi * r / cutoff) + 1.0), torch.zeros_like(r))


def safe_norm(vectors: Float[Tensor, "*n 3"], eps: float = 1e-8) -> Float[Tensor, "*n"]:
    """sqrt(|v|^2 + eps): a length with a finite gradient where atoms coincide."""
    return (vectors.square().sum(-1) + eps).sqrt()
