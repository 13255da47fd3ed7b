"""Disulfides between cysteines that are packed: both chi1 are chosen together, so that the bond has its length."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.packing.circle import CENTERS, centers
from protein_enn.packing.side_chains import SideChains

BOND, BOND_DEVIATION = 2.04, 0.1
"""Å between the sulfurs: Engh & Huber (2001)."""
ANGLE, ANGLE_DEVIATION = 104.0, 8.0
"""Degrees, CB-S-S."""
REACH = 4.7
"""Å between the CB of two cysteines that can be bonded."""
LONGEST, WIDEST = 0.3, 25.0
"""Å and degrees: a pair that comes no nearer to the ideal is not bonded."""
_CB, _SG = 4, 5


def bond_cysteines(side_chains: SideChains) -> list[tuple[int, int]]:
    """Sets chi1 of cysteines that can be bonded; the likeliest pairs first, each cysteine once. Returns the pairs."""
    rows = side_chains.rows
    cysteines = rows[side_chains.backbones.residues[rows] == chemistry.RESIDUE_INDEX["CYS"]]
    beta = side_chains.placed.atoms[cysteines, _CB]
    distance = torch.cdist(beta, beta, compute_mode="donot_use_mm_for_euclid_dist")
    pairs = ((distance < REACH) & torch.ones_like(distance, dtype=torch.bool).triu(1)).nonzero().tolist()
    options = [option for i, j in pairs if (option := _best(side_chains, int(cysteines[i]), int(cysteines[j])))]
    bonded: list[tuple[int, int]] = []
    for _, i, j, chi in sorted(options, key=lambda option: -option[0]):
        if not {i, j} & {row for pair in bonded for row in pair}:
            angles = side_chains.chi[[i, j]].clone()
            angles[:, 0] = chi
            side_chains.set(torch.tensor([i, j]), angles)
            bonded.append((i, j))
    return bonded


def _best(side_chains: SideChains, i: int, j: int) -> tuple[float, int, int, Tensor] | None:
    """The score of the best bond of two cysteines, their rows and chi1; None where there is no natural bond."""
    pair = torch.tensor([i, j])
    grid = centers()
    densities, sulfurs = [], []
    for row in pair:
        rows = row.expand(CENTERS)
        chi = torch.zeros(CENTERS, 4)
        chi[:, 0] = grid
        sulfurs.append(side_chains.backbones.atoms(rows, chi)[:, _SG])
        densities.append(side_chains.density_of_chi1(row, grid))
    beta = side_chains.placed.atoms[pair, _CB]
    bond = sulfurs[1][None] - sulfurs[0][:, None]
    length = torch.linalg.vector_norm(bond, dim=-1)
    angles = torch.stack(
        [
            _angle((beta[0] - sulfurs[0])[:, None].expand_as(bond), bond),
            _angle((beta[1] - sulfurs[1])[None].expand_as(bond), -bond),
        ]
    )
    strain = ((length - BOND) / BOND_DEVIATION).square() + ((angles - ANGLE) / ANGLE_DEVIATION).square().sum(0)
    score = densities[0][:, None] + densities[1][None] - strain / 2
    natural = ((length - BOND).abs() < LONGEST) & ((angles - ANGLE).abs() < WIDEST).all(0)
    best = int(score.masked_fill(~natural, -torch.inf).argmax())
    a, b = divmod(best, CENTERS)
    return (float(score[a, b]), i, j, grid[[a, b]]) if natural[a, b] else None


def _angle(u: Float[Tensor, "*n 3"], v: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n"]:
    """Degrees between vectors."""
    cosine = (u * v).sum(-1) / (torch.linalg.vector_norm(u, dim=-1) * torch.linalg.vector_norm(v, dim=-1))
    return cosine.clamp(-1, 1).acos() * (180 / math.pi)
