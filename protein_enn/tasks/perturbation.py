"""Ways to spoil a native: what the refiner learns to undo. Lengths Å, compact layout."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.frames import unit


def perturb(
    compact: Float[Tensor, "n 14 3"],
    mask: Bool[Tensor, "n 14"],
    residues: Int[Tensor, "n"],
    generator: torch.Generator,
) -> Float[Tensor, "n 14 3"]:
    """One native in ten is left as it is; the others get some of four kinds of error, each at a random scale."""
    if _uniform(generator) < 0.1:
        return compact
    chosen = [_uniform(generator) < 0.5 for _ in range(4)]
    if not any(chosen):
        chosen[0] = True
    result = compact
    if chosen[3]:
        result = rotate_side_chains(result, residues, 0.1 + 0.5 * _uniform(generator), generator)
    if chosen[2]:
        result = smooth_field(result, _scale(0.2, 2.0, generator), 4 + int(28 * _uniform(generator)), generator)
    if chosen[1]:
        result = rigid_residues(result, _scale(0.05, 0.6, generator), _scale(0.02, 0.25, generator), generator)
    if chosen[0]:
        result = result + _scale(0.03, 1.2, generator) * torch.randn(compact.shape, generator=generator)
    return result * mask[..., None]


def rotate_side_chains(
    compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], share: float, generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Turns a share of the side chains about CA-CB by a random angle: half of them by a little, half by anything.

    Proline's ring is left alone. Atoms beyond CB move as one body, so that bond lengths stay.
    """
    n = len(compact)
    ca, cb = compact[:, 1:2], compact[:, 4:5]
    angle = torch.where(
        torch.rand(n, generator=generator) < 0.5,
        0.4 * torch.randn(n, generator=generator),
        2 * math.pi * torch.rand(n, generator=generator),
    )
    turned = torch.rand(n, generator=generator) < share
    turned &= residues != chemistry.RESIDUE_INDEX["PRO"]
    angle = angle * turned
    rotated = _rotate(compact[:, 5:] - cb, unit(cb - ca), angle) + cb
    return torch.cat([compact[:, :5], rotated], 1)


def smooth_field(
    compact: Float[Tensor, "n 14 3"], scale: float, width: int, generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Shifts residues by noise smoothed along the chain over `width` residues, root mean square `scale`."""
    n = len(compact)
    noise = torch.randn(n + 2 * width, 3, generator=generator)
    window = torch.hann_window(2 * width + 1, periodic=False)
    window = window / window.norm()
    field = noise.T[:, None].unfold(-1, 2 * width + 1, 1).matmul(window)[:, 0].T
    return compact + scale / math.sqrt(3) * field[:n, None]


def rigid_residues(
    compact: Float[Tensor, "n 14 3"], shift: float, angle: float, generator: torch.Generator
) -> Float[Tensor, "n 14 3"]:
    """Moves and turns every residue as a body about its CA, at random."""
    n = len(compact)
    ca = compact[:, 1:2]
    axis = unit(torch.randn(n, 1, 3, generator=generator))
    turned = _rotate(compact - ca, axis, angle * torch.randn(n, generator=generator))
    return ca + turned + shift * torch.randn(n, 1, 3, generator=generator)


def _rotate(vectors: Float[Tensor, "n a 3"], axis: Float[Tensor, "n 1 3"], angle: Float[Tensor, "n"]) -> Tensor:
    """Rodrigues' formula."""
    cosine, sine = angle.cos()[:, None, None], angle.sin()[:, None, None]
    axis = axis.expand_as(vectors)
    along = (axis * vectors).sum(-1, keepdim=True) * axis
    return cosine * vectors + sine * torch.linalg.cross(axis, vectors) + (1 - cosine) * along


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _scale(low: float, high: float, generator: torch.Generator) -> float:
    return math.exp(math.log(low) + (math.log(high) - math.log(low)) * _uniform(generator))
