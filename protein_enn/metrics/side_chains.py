"""How well side chains are placed: chi angles and atoms against a native, residue by residue.

A chi angle is right within 20 degrees, the limit of recent side-chain packers (AttnPacker, McPartlon & Xu (2023) PNAS
120:e2216438120), or within 40, that of SCWRL4 (Krivov et al. (2009) Proteins 77:778). "chi1+2" asks for both of a
residue that has both. Angles whose last atoms may be exchanged (Asp, Glu, Phe, Tyr) have a period of 180 degrees.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.metrics.lddt import exchanges
from protein_enn.metrics.rotamers import HALF_TURN
from protein_enn.structure import Structure

TOLERANCES = (20.0, 40.0)
"""Degrees."""
FRAME = (chemistry.N, chemistry.CA, chemistry.C)


def chi_errors(model: Structure, native: Structure) -> Float[Tensor, "n 4"]:
    """|difference| of each chi angle, degrees, of residues that correspond row by row; nan where one is not known."""
    ours, theirs = (torch.rad2deg(chi_angles(s.positions, s.present, native.residues)) for s in (model, native))
    period = _periods()[native.residues].to(ours.dtype)
    apart = ours - theirs
    return (apart - period * torch.round(apart / period)).abs()


def chi_accuracy(errors: Float[Tensor, "n 4"]) -> dict[str, float | None]:
    """Share of residues whose chi1, and whose chi1 and chi2, are right; None where there is none to judge."""
    record: dict[str, float | None] = {}
    for tolerance in TOLERANCES:
        suffix = "" if tolerance == TOLERANCES[0] else f"_{tolerance:.0f}"
        for label, angles in (("chi1", [0]), ("chi12", [0, 1])):
            known = ~errors[:, angles].isnan().any(1)
            right = (errors[:, angles] <= tolerance).all(1)[known]
            record[f"{label}_accuracy{suffix}"] = float(right.double().mean()) if len(right) else None
    return record


def side_chain_rmsd(model: Structure, native: Structure) -> Float[Tensor, "n"]:
    """RMSD (Å) of each residue's heavy atoms beyond CB after N, CA and C of the residue are superposed.

    Names of interchangeable atoms are taken as fits better. nan where N, CA, C or all atoms beyond CB are missing.
    """
    present = model.present & native.present & _beyond_cb()
    frame = (model.present & native.present)[:, FRAME].all(1)
    rows = (frame & present.any(1)).nonzero()[:, 0]
    result = torch.full((len(native),), torch.nan)
    if not len(rows):
        return result
    x, y, there = model.positions[rows].double(), native.positions[rows].double(), present[rows]
    x = moved(x, *superpose(x[:, FRAME], y[:, FRAME]))
    partner = exchanges()[native.residues[rows]]
    # All pairs of a residue are exchanged at once, and a trade with an absent atom is none.
    whole = (there | (partner == torch.arange(37))).all(1)[:, None, None]
    swapped = torch.where(whole, x.gather(1, partner[..., None].expand(-1, -1, 3)), x)
    squares = torch.stack([(z - y).square().sum(-1).where(there, 0.0).sum(1) for z in (x, swapped)])
    result[rows] = (squares.amin(0) / there.sum(1)).sqrt().to(result.dtype)
    return result


@cache
def _periods() -> Float[Tensor, "types 4"]:
    period = torch.full((len(chemistry.RESIDUES), 4), 360.0)
    for name, angle in HALF_TURN:
        period[chemistry.RESIDUE_INDEX[name], angle] = 180.0
    return period


@cache
def _beyond_cb() -> Bool[Tensor, "37"]:
    inner = {"N", "CA", "C", "O", "CB", "OXT"}
    return torch.tensor([atom not in inner for atom in chemistry.ATOMS])
