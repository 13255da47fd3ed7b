"""Residue frames from three backbone atoms."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry


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


def ca_volume(positions: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"]) -> Float[Tensor, "n"]:
    """The triple product of N, C and CB from CA, Å^3: positive in L-amino acids, negative in D; 0 where one is missing.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> structure = read_structure("examples/1bhl.pdb")
    >>> bool((ca_volume(structure.positions, structure.present) >= 0).all())
    True
    """
    n, c, cb = (positions[:, slot] - positions[:, chemistry.CA] for slot in (chemistry.N, chemistry.C, chemistry.CB))
    whole = present[:, [chemistry.N, chemistry.CA, chemistry.C, chemistry.CB]].all(1)
    return (torch.linalg.cross(n, c) * cb).sum(-1) * whole
