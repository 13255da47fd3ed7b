"""Side chains beside those of the native: chi angles within a tolerance, and the distance of their atoms."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.superposition import moved, superpose

TOLERANCE = 20.0
"""Degrees: chi1 and chi2 each count as right within it."""
FLIPPED = ("PHE", "TYR", "ASP")
"""Their chi2 means the same after a turn by 180 degrees."""
_SIDE_CHAIN = torch.tensor([name not in ("N", "CA", "C", "O", "OXT") for name in chemistry.ATOMS])


def chi_accuracy(
    model: Float[Tensor, "n 37 3"],
    native: Float[Tensor, "n 37 3"],
    present: Bool[Tensor, "n 37"],
    residues: Int[Tensor, "n"],
) -> tuple[float | None, float | None]:
    """Share of residues whose chi1, and whose chi2, is within TOLERANCE of the native's; None where there is none."""
    ours, theirs = (torch.rad2deg(chi_angles(x, present, residues)[:, :2]) for x in (model, native))
    flipped = torch.zeros(len(chemistry.RESIDUES), 2)
    flipped[[chemistry.RESIDUE_INDEX[name] for name in FLIPPED], 1] = 1
    turn = 360 / (1 + flipped)[residues]
    apart = (ours - theirs).abs() % turn
    apart = torch.minimum(apart, turn - apart)
    return _share(apart[:, 0]), _share(apart[:, 1])


def _share(apart: Float[Tensor, "n"]) -> float | None:
    known = ~apart.isnan()
    return float((apart[known] <= TOLERANCE).double().mean()) if known.any() else None


def side_chain_rmsd(
    model: Float[Tensor, "n 37 3"], native: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"]
) -> float | None:
    """Root mean square distance (Å) of all side-chain heavy atoms, each residue superposed by its own N, CA and C.

    So an error of the backbone elsewhere does not count. Interchangeable atoms count as they are named: name them as
    in the native before (`metrics.lddt.best_naming`). None where there are no such atoms.
    """
    frame = [chemistry.N, chemistry.CA, chemistry.C]
    rows = present[:, frame].all(-1) & (present & _SIDE_CHAIN).any(-1)
    if not rows.any():
        return None
    x, y = model[rows].double(), native[rows].double()
    square = (moved(x, *superpose(x[:, frame], y[:, frame])) - y).square().sum(-1)
    return math.sqrt(float(square[present[rows] & _SIDE_CHAIN].mean()))
