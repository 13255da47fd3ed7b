"""Densities on the circle: mixtures of von Mises kernels at fixed centers, whose weights a network gives.

    p(chi) = sum_b w_b exp(kappa cos(chi - mu_b)) / (2 pi I0(kappa)),   w = softmax(logits)

The centers mu_b are evenly spaced. Angles whose last atoms may be exchanged (Asp, Glu, Phe, Tyr) have a period of pi:
their density is p(chi) + p(chi + pi), on half of the circle.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from protein_enn import chemistry

CENTERS = 72
WIDTH = math.radians(4.0)
"""Standard deviation of a kernel, about 1 / sqrt(kappa)."""
WINDOW = 20
"""Degrees, of `likeliest`."""
_KAPPA = 1 / WIDTH**2
_GRID = 360


def centers(device: torch.device | None = None) -> Float[Tensor, "b"]:
    """mu, radians, from -pi."""
    return torch.arange(CENTERS, device=device) * (2 * math.pi / CENTERS) - math.pi


def has_half_period(residues: Int[Tensor, "*r"], angle: Int[Tensor, "*r"]) -> Bool[Tensor, "*r"]:
    """Whether chi `angle` (from 0) of a residue type has a period of pi."""
    return _half_periods().to(residues.device)[residues, angle]


def log_density(logits: Float[Tensor, "r b"], chi: Float[Tensor, "r"], half: Bool[Tensor, "r"]) -> Float[Tensor, "r"]:
    """log p(chi), per radian.

    Parameters
    ----------
    logits
        Of the kernels.
    chi
        Radians.
    half
        Which angles have a period of pi.

    Examples
    --------
    >>> flat = torch.zeros(2, CENTERS)
    >>> p = log_density(flat, torch.tensor([0.3, 0.3]), torch.tensor([False, True])).exp()
    >>> [round(float(x) * math.pi, 3) for x in p]
    [0.5, 1.0]
    """
    weights = logits.log_softmax(-1)
    whole = torch.logsumexp(weights + _log_kernel(chi[:, None] - centers(chi.device)), -1)
    opposite = torch.logsumexp(weights + _log_kernel(chi[:, None] + math.pi - centers(chi.device)), -1)
    return torch.where(half, torch.logaddexp(whole, opposite), whole)


def likeliest(logits: Float[Tensor, "r b"], half: Bool[Tensor, "r"]) -> Float[Tensor, "r"]:
    """The mean of the window of +-`WINDOW` degrees that holds the most probability, radians.

    It is right within the tolerance of evaluations more often than the largest density, and nearer on average.
    """
    density = _unfolded(logits, half)
    wrapped = torch.cat([density[:, -WINDOW:], density, density[:, :WINDOW]], 1)
    total = pad(wrapped.cumsum(1), (1, 0))
    mass = total[:, 2 * WINDOW + 1 :] - total[:, : -2 * WINDOW - 1]
    best, offset = mass.argmax(1), torch.arange(-WINDOW, WINDOW + 1, device=logits.device)
    inside = density.gather(1, (best[:, None] + offset) % _GRID)
    degrees = best + (inside * offset).sum(1) / inside.sum(1)
    return torch.remainder(torch.deg2rad(degrees), 2 * math.pi) - math.pi


def grid_density(logits: Float[Tensor, "r b"], half: Bool[Tensor, "r"]) -> Float[Tensor, "r 360"]:
    """The probability of each degree from -180 on. With a period of pi, of its first half; the second is zero."""
    density = _unfolded(logits, half)
    first = torch.arange(_GRID, device=logits.device) < _GRID // 2
    return torch.where(half[:, None] & ~first, 0.0, density)


def _unfolded(logits: Float[Tensor, "r b"], half: Bool[Tensor, "r"]) -> Float[Tensor, "r 360"]:
    """The probability of each degree from -180 on; with a period of pi the sum of both halves, in each of them."""
    density = logits.softmax(-1) @ _kernels(logits.device).to(logits.dtype)
    return torch.where(half[:, None], density + density.roll(_GRID // 2, 1), density)


def sample(logits: Float[Tensor, "r b"], temperature: float, generator: torch.Generator) -> Float[Tensor, "r"]:
    """Draws from p(chi)^(1 / temperature), radians; the width of the kernels is scaled by its root."""
    kernel = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
    noise = torch.randn(len(logits), generator=generator).to(logits) * (WIDTH * math.sqrt(temperature))
    return torch.remainder(centers(logits.device)[kernel] + noise + math.pi, 2 * math.pi) - math.pi


def _log_kernel(difference: Tensor) -> Tensor:
    """The log of a von Mises kernel; I0(kappa) of a large kappa by i0e, which does not overflow."""
    norm = math.log(2 * math.pi) + float(torch.special.i0e(torch.tensor(_KAPPA, dtype=torch.float64)).log())
    return _KAPPA * (difference.cos() - 1) - norm


@cache
@torch.inference_mode(mode=False)  # what is kept may be part of a later gradient
def _kernels(device: torch.device) -> Float[Tensor, "b 360"]:
    """The probability of each degree under each kernel."""
    degrees = torch.arange(_GRID, device=device) * (2 * math.pi / _GRID) - math.pi
    return _log_kernel(degrees - centers(device)[:, None]).softmax(-1)


@cache
@torch.inference_mode(mode=False)  # what is kept may be part of a later gradient
def _half_periods() -> Bool[Tensor, "21 4"]:
    table = torch.zeros(len(chemistry.RESIDUES), 4, dtype=torch.bool)
    for name, angle in chemistry.TWOFOLD_CHI:
        table[chemistry.RESIDUE_INDEX[name], angle] = True
    return table
