"""The error of the atoms around a residue, seen from its backbone: local like lDDT, but in Å."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.frames import backbone_frames
from protein_enn.geometry.neighbors import nearest_neighbors

AROUND = 24
WEIGHT = 1 / 3
"""Residues near one, and the weight of each: training counts the residue itself and a third of 24 neighbors."""


def frame_aligned_error(
    model: Float[Tensor, "n 37 3"], native: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"]
) -> Float[Tensor, "n"]:
    """Mean error (Å) of the atoms near each residue in its frame.

    |T_i^-1 x_a - T_i'^-1 x_a'| over its own atoms and, with the weight `WEIGHT`, those of the `AROUND` residues nearest
    to it in the model; nan where N, CA or C is missing.

    Parameters
    ----------
    model, native
        Positions, Å; interchangeable atoms are named alike (`lddt.best_naming`).
    present
        Atoms that both have.
    """
    neighbors, exists = nearest_neighbors(model[:, chemistry.CA], AROUND)
    itself = torch.arange(len(model))[:, None]
    rows = torch.cat([itself, neighbors], 1)

    def local(positions: Tensor) -> Tensor:
        n, ca, c = (positions[:, slot] for slot in (chemistry.N, chemistry.CA, chemistry.C))
        offsets = positions[rows].flatten(1, 2) - ca[:, None]
        return (offsets @ backbone_frames(n, ca, c).mT).view(*rows.shape, 37, 3)

    weight = torch.cat([torch.ones_like(itself), WEIGHT * exists], 1)[..., None] * present[rows]
    error = ((local(model) - local(native)).norm(dim=-1) * weight).sum((1, 2)) / weight.sum((1, 2))
    whole = present[:, [chemistry.N, chemistry.CA, chemistry.C]].all(1)
    return torch.where(whole, error, torch.nan)
