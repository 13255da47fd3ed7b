"""Rotamers: how likely the chi angles of a side chain are, and which are rare in good structures.

The density of the chi angles of one residue type is a mixture over its rotamers r of weights w, with a Gaussian on
the circle for each angle:

    p(chi) = sum_r w_r prod_k N(d(chi_k, mean_rk); 0, deviation_rk)      d: difference on the circle, degrees

The components were counted over good X-ray structures by `scripts/count_rotamers.py` (`rotamer_table`). It does not
depend on phi and psi. An outlier has a density below that of 99.7 % of the residues counted, as in MolProbity (Chen et
al. (2010) Acta Cryst. D66:12); the density is our own and coarser than MolProbity's. Chi angles whose last two atoms
may be exchanged (Asp, Glu, Phe, Tyr) have a period of 180 degrees.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry.rotamers import TABLE
from protein_enn.geometry.dihedrals import chi_angles

ANGLES = 4


class Rotamers(NamedTuple):
    """The rotamers of one residue type, the most frequent first."""

    chi: Float[Tensor, "r k"]  # degrees, mean of each angle
    deviation: Float[Tensor, "r k"]  # degrees
    fraction: Float[Tensor, "r"]  # of the residues of the type; they add up to 1


class _Table(NamedTuple):
    """All residue types side by side; rows without a meaning have no weight."""

    chi: Float[Tensor, "types r 4"]
    weight: Float[Tensor, "types r 4"]  # 1 / deviation, 0 for angles that do not exist
    offset: Float[Tensor, "types r"]  # log of the fraction and of the Gaussians' norms; -inf pads
    period: Float[Tensor, "types 4"]
    angles: Int[Tensor, "types"]
    limit: Float[Tensor, "types"]


@cache
def rotamers(name: str) -> Rotamers:
    """The rotamers of a residue type by its three-letter name; ValueError for one without chi angles."""
    if name not in TABLE:
        raise ValueError(f"no rotamers for {name!r}: there are some for {', '.join(TABLE)}")
    rows = torch.tensor([[float(v) for v in part.split()] for part in TABLE[name][1].split(";")])
    k = (rows.shape[1] - 1) // 2
    return Rotamers(rows[:, 1 : 1 + k], rows[:, 1 + k :], rows[:, 0] / rows[:, 0].sum())


def rotamer_log_density(chi: Float[Tensor, "n 4"], residues: Int[Tensor, "n"]) -> Float[Tensor, "n"]:
    """log p of chi angles in radians, per degree of each angle; nan where one of them is nan or there is none.

    Differentiable.
    """
    table = _table(chi.device)
    known = has_rotamer(chi, residues)
    degrees = torch.where(known[:, None] & ~chi.isnan(), torch.rad2deg(chi), 0.0)
    period = table.period.to(chi.dtype)[residues][:, None]
    away = degrees[:, None] - table.chi.to(chi.dtype)[residues]
    away = away - period * torch.round(away / period).detach()
    exponent = (away * table.weight.to(chi.dtype)[residues]).square().sum(-1)
    density = torch.logsumexp(table.offset.to(chi.dtype)[residues] - 0.5 * exponent, -1)
    return torch.where(known, density, torch.nan)


def rotamer_log_probability(
    positions: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"], residues: Int[Tensor, "n"]
) -> Float[Tensor, "n"]:
    """`rotamer_log_density` of side chains; nan where atoms are missing or there is no chi angle."""
    return rotamer_log_density(chi_angles(positions, present, residues), residues)


def is_rotamer_outlier(chi: Float[Tensor, "n 4"], residues: Int[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Whether chi angles (radians) are less likely than the limit of the residue type; False where they are unknown."""
    chosen = has_rotamer(chi, residues).nonzero()[:, 0]
    kinds = residues[chosen]
    outlier = torch.zeros(len(residues), dtype=torch.bool, device=chi.device)
    outlier[chosen] = rotamer_log_density(chi[chosen], kinds) < _table(chi.device).limit[kinds]
    return outlier


def has_rotamer(chi: Float[Tensor, "n 4"], residues: Int[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Whether a residue has chi angles and all of them are known."""
    count = _table(chi.device).angles[residues]
    return (count > 0) & ((~chi.isnan()).sum(-1) >= count)


@cache
def _table(device: torch.device) -> _Table:
    types, most = len(chemistry.RESIDUES), max(len(rotamers(name).fraction) for name in TABLE)
    chi, weight = torch.zeros(types, most, ANGLES), torch.zeros(types, most, ANGLES)
    offset, period = torch.full((types, most), -math.inf), torch.full((types, ANGLES), 360.0)
    offset[:, 0] = 0.0  # of types without rotamers: a number, whose gradient is one too
    angles, limit = torch.zeros(types, dtype=torch.long), torch.full((types,), -math.inf)
    for name, (least, _) in TABLE.items():
        row, found = chemistry.RESIDUE_INDEX[name], rotamers(name)
        r, k = found.chi.shape
        chi[row, :r, :k], weight[row, :r, :k] = found.chi, 1 / found.deviation
        offset[row, :r] = found.fraction.log() - (found.deviation * math.sqrt(2 * math.pi)).log().sum(-1)
        angles[row], limit[row] = k, least
        for angle in range(k):
            period[row, angle] = 180.0 if (name, angle) in chemistry.TWOFOLD_CHI else 360.0
    return _Table(*(part.to(device) for part in (chi, weight, offset, period, angles, limit)))
