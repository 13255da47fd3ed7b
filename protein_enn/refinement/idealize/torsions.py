"""Torsions pinned to the nearest natural ones: phi and psi of Ramachandran outliers, chi of rotamer outliers."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import adjacent_residues, backbone_torsions
from protein_enn.chemistry import ATOM_INDEX, CA, C, N
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.metrics.ramachandran import CELLS, before_proline, is_outlier
from protein_enn.metrics.rotamers import is_rotamer_outlier, rotamers
from protein_enn.refinement.idealize.restraints import SLOTS, Quadruples
from protein_enn.structure import Structure

WITHIN = 4.0
"""Degrees about a target in the Ramachandran map, which is a cell of 5 degrees away from any outlier."""
SIGMA = 3.0
"""Degrees."""


def pins(structure: Structure, backbone: Bool[Tensor, "n"], side_chain: Bool[Tensor, "n"]) -> Quadruples:
    """Targets for those of the marked residues that are outliers: phi and psi, and chi."""
    x, present = structure.positions, structure.present
    angles = backbone_torsions(structure)
    phi, psi = torch.rad2deg(angles[:, :2]).unbind(1)
    after = before_proline(structure)
    rows = (backbone & is_outlier(phi, psi, structure.residues, after)).nonzero()[:, 0]
    kinds = _kinds(structure.residues, after)[rows]
    before, following = adjacent_residues(structure)
    parts = [_backbone(rows, before[rows], following[rows], phi[rows], psi[rows], kinds)]
    chi = chi_angles(x, present, structure.residues)
    rows = (side_chain & is_rotamer_outlier(chi, structure.residues)).nonzero()[:, 0]
    parts += [_side_chain(i, chi[i], chemistry.RESIDUES[int(structure.residues[i])]) for i in rows.tolist()]
    atoms, targets, tolerances = (torch.cat(part) for part in zip(*parts, strict=True))
    sigmas = torch.full_like(targets, SIGMA)
    return Quadruples(atoms, *(torch.deg2rad(values.double()) for values in (targets, tolerances, sigmas)))


def _backbone(
    rows: Tensor, preceding: Tensor, following: Tensor, phi: Tensor, psi: Tensor, kinds: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    cell = [((angle + 180) * CELLS / 360).floor().long() % CELLS for angle in (phi, psi)]
    target = _nearest()[kinds, cell[0], cell[1]]
    base = rows * SLOTS
    by_phi = torch.stack((preceding * SLOTS + C, base + N, base + CA, base + C), 1)
    by_psi = torch.stack((base + N, base + CA, base + C, following * SLOTS + N), 1)
    targets = torch.cat((target[:, 0], target[:, 1]))
    return torch.cat((by_phi, by_psi)), targets, torch.full_like(targets, WITHIN)


def _side_chain(row: int, chi: Float[Tensor, "4"], name: str) -> tuple[Tensor, Tensor, Tensor]:
    """The rotamer that explains the angles best; within one deviation no residue is an outlier."""
    found = rotamers(name)
    k = found.chi.shape[1]
    period = torch.tensor([180.0 if (name, angle) in chemistry.TWOFOLD_CHI else 360.0 for angle in range(k)])
    value = torch.rad2deg(chi[:k])
    away = value - found.chi
    away = away - period * torch.round(away / period)
    best = int((found.fraction.log() - 0.5 * (away / found.deviation).square().sum(1)).argmax())
    slots = [[ATOM_INDEX[atom] for atom in atoms] for atoms in chemistry.CHI_ATOMS[name]]
    return row * SLOTS + torch.tensor(slots), value - away[best], found.deviation[best]


def _kinds(residues: Int[Tensor, "n"], after: Bool[Tensor, "n"]) -> Int[Tensor, "n"]:
    """0 general, 1 before a proline, 2 glycine, 3 proline."""
    kind = after.long()
    kind = torch.where(residues == chemistry.RESIDUE_INDEX["GLY"], 2, kind)
    return torch.where(residues == chemistry.RESIDUE_INDEX["PRO"], 3, kind)


@cache
def _nearest() -> Float[Tensor, "4 72 72 2"]:
    """By class and cell of (phi, psi): the center of the nearest cell, degrees, that has no outlier about it."""
    centers = (torch.arange(CELLS) + 0.5) * 360 / CELLS - 180
    grid = torch.stack(torch.meshgrid(centers, centers, indexing="ij"), -1).reshape(-1, 2)
    classes = (("ALA", False), ("ALA", True), ("GLY", False), ("PRO", False))
    found = []
    for name, before in classes:
        kind = torch.full((len(grid),), chemistry.RESIDUE_INDEX[name])
        inside = ~is_outlier(grid[:, 0], grid[:, 1], kind, torch.full((len(grid),), before)).reshape(CELLS, CELLS)
        for axis in (0, 1):
            inside = inside & inside.roll(1, axis) & inside.roll(-1, axis)
        safe = grid[inside.reshape(-1)]
        best = []
        for chunk in grid.split(512):
            away = (chunk[:, None] - safe + 180) % 360 - 180
            best.append(safe[away.square().sum(-1).argmin(1)])
        found.append(torch.cat(best).reshape(CELLS, CELLS, 2))
    return torch.stack(found)
