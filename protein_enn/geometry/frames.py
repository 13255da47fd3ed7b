"""Residue frames from three backbone atoms."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def unit(vectors: Float[Tensor, "*n 3"], eps: float = 1e-6) -> Float[Tensor, "*n 3"]:
    """Unit vectors with a finite gradient at zero: v / sqrt(|v|^2 + eps)."""
    return vectors * torch.rsqrt(vectors.pow(2).sum(-1, keepdim=True) + eps)


def backbone_frames(
    n: Float[Tensor, "*n 3"], ca: Float[Tensor, "*n 3"], c: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n 3 3"]:
    """Frames of residues by Gram-Schmidt on C - CA, then N - CA: AlphaFold 2, algorithm 21.

    Parameters
    ----------
    n, ca, c
        Backbone atoms, Å.

    Returns
    -------
    Float[Tensor, "*n 3 3"]
        Right-handed orthonormal axes, in rows.
    """
    x = unit(c - ca)
    y = n - ca
    y = unit(y - (y * x).sum(-1, keepdim=True) * x)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-2)


def ideal_cb(n: Float[Tensor, "*n 3"], c: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """CB of an L-amino acid from N and C, all relative to CA (Å): ideal geometry as in doi 10.1126/science.add2187.

    A cross product determines the side. In a mirror image the result is not the image of CB, but the position of CB in
    an L-residue.
    """
    return 0.58273431 * torch.linalg.cross(n, c) - 0.56802827 * n - 0.54067466 * c
