"""How far bond lengths and angles are from their ideal values; chirality and peptide bonds that are wrong.

The tables are laid out once, one row of atoms for each residue type, so that all residues are checked in a few
operations. A value across a peptide bond belongs to the residue that gives the N: in the tables, slots 0..36 are the
atoms of the residue before and 37..73 those of the residue itself.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import adjacent_residues
from protein_enn.chemistry import ideal_geometry
from protein_enn.structure import Structure

CIS_PROLINE = len(chemistry.RESIDUES)
"""Row of the angle table for a proline after a cis peptide bond."""

OMEGA = 150.0
"""Degrees; a peptide bond with |omega| below is not trans."""
CIS = 30.0
"""Degrees; below, a proline is cis, which is natural for it."""

CHIRAL_CENTERS: dict[str, tuple[str, str, str, str]] = {
    **{name: ("CA", "N", "C", "CB") for name in chemistry.RESIDUES if name not in ("GLY", "UNK")},
    "ILE CB": ("CB", "CA", "CG1", "CG2"),
    "THR CB": ("CB", "CA", "OG1", "CG2"),
}
"""Center and three neighbors, ordered so that their triple product about the center is positive in L-amino acids."""


class Joined(NamedTuple):
    """Each residue and the one before it, in row i: the residue before in slots 0..36, and residue i in 37..73."""

    positions: Float[Tensor, "n 74 3"]  # Å, float64
    present: Bool[Tensor, "n 74"]  # of the residue before: only where it is bonded

    def atoms(self, slots: Int[Tensor, "n k m"]) -> tuple[Float[Tensor, "n k m 3"], Bool[Tensor, "n k"]]:
        """The atoms in the slots of each residue, and whether all m of a group are there."""
        n, k, m = slots.shape
        rows = (slots.reshape(n, k * m) + 74 * torch.arange(n)[:, None]).reshape(-1)
        points = self.positions.reshape(-1, 3).index_select(0, rows)
        known = self.present.reshape(-1).index_select(0, rows)
        return points.reshape(n, k, m, 3), known.reshape(n, k, m).all(-1)


class _Table(NamedTuple):
    """For each residue type k groups of m atoms; groups of no meaning have the ideal nan."""

    slots: Int[Tensor, "types k m"]
    mean: Float[Tensor, "types k"]
    sigma: Float[Tensor, "types k"]


def joined(structure: Structure) -> Joined:
    """Each residue with the one whose C is bonded to its N, which in a ring is the last for the first."""
    x, present = structure.positions.double(), structure.present
    before, _ = adjacent_residues(structure)
    return Joined(torch.cat([x[before], x], 1), torch.cat([present[before] & (before >= 0)[:, None], present], 1))


def bond_deviations(adjacent: Joined, residues: Int[Tensor, "n"]) -> Float[Tensor, "n bonds"]:
    """|length - ideal| / sigma of the bonds of each residue and the peptide bond before it; nan where there is none."""
    table = _bond_table()
    points, known = adjacent.atoms(table.slots[residues])
    value = torch.linalg.vector_norm(points[:, :, 0] - points[:, :, 1], dim=-1)
    deviation = (value - table.mean[residues]).abs() / table.sigma[residues]
    return torch.where(known, deviation, torch.nan)


def angle_deviations(
    adjacent: Joined, residues: Int[Tensor, "n"], omega: Float[Tensor, "n"]
) -> Float[Tensor, "n angles"]:
    """|angle - ideal| / sigma at the backbone and CB of each residue and at the peptide bond before it; else nan.

    `omega` (degrees) tells cis prolines, whose ideal differs.
    """
    table = _angle_table()
    cis = (residues == chemistry.RESIDUE_INDEX["PRO"]) & (omega.abs() < 90)
    kinds = torch.where(cis, CIS_PROLINE, residues)
    points, known = adjacent.atoms(table.slots[kinds])
    deviation = (_angle(*points.unbind(2)) - table.mean[kinds]).abs() / table.sigma[kinds]
    return torch.where(known, deviation, torch.nan)


def wrong_chirality(adjacent: Joined, residues: Int[Tensor, "n"]) -> Bool[Tensor, "n 2"]:
    """Whether the chirality at CA, and at CB of Ile and Thr, is wrong: the triple product is not positive."""
    table = _chirality_table()
    points, known = adjacent.atoms(table.slots[residues])
    center, a, b, c = points.unbind(2)
    volume = (torch.linalg.cross(a - center, b - center) * (c - center)).sum(-1)
    return known & (volume <= 0) & ~table.mean[residues].isnan()


def is_omega_outlier(omega: Float[Tensor, "n"], residues: Int[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Whether omega (degrees, of the peptide bond before) is neither trans nor the cis of a proline; nan is none."""
    proline = residues == chemistry.RESIDUE_INDEX["PRO"]
    return (omega.abs() < OMEGA) & ~(proline & (omega.abs() < CIS))


def _angle(a: Float[Tensor, "n k 3"], b: Float[Tensor, "n k 3"], c: Float[Tensor, "n k 3"]) -> Float[Tensor, "n k"]:
    """Angle at b, degrees."""
    u, v = a - b, c - b
    sine = torch.linalg.vector_norm(torch.linalg.cross(u, v), dim=-1)
    return torch.rad2deg(torch.atan2(sine, (u * v).sum(-1)))


def _here(atom: str) -> int:
    return 37 + chemistry.ATOM_INDEX[atom]


def _of(ideal: dict[str, ideal_geometry.Ideal], name: str) -> ideal_geometry.Ideal | None:
    """The ideal of a residue ("cis PRO" falls back on PRO), or that of all others, if there is any."""
    return ideal.get(name, ideal.get(name.split()[-1], ideal.get("")))


Groups = list[tuple[list[int], ideal_geometry.Ideal]]


def _table(rows: list[Groups], m: int) -> _Table:
    most = max(map(len, rows))
    slots = torch.zeros(len(rows), most, m, dtype=torch.long)
    ideal = torch.full((len(rows), most, 2), math.nan, dtype=torch.double)
    for i, groups in enumerate(rows):
        for k, (atoms, value) in enumerate(groups):
            slots[i, k], ideal[i, k] = torch.tensor(atoms), torch.tensor(value).double()
    return _Table(slots, ideal[..., 0].contiguous(), ideal[..., 1].contiguous())


@cache
def _bond_table() -> _Table:
    rows = []
    for name in chemistry.RESIDUES:
        groups: Groups = []
        for (a, b), ideal in ideal_geometry.BACKBONE_BONDS.items():
            if value := _of(ideal, name):
                groups.append(([_here(a), _here(b)], value))
        for (a, b), value in ideal_geometry.SIDE_CHAIN_BONDS.get(name, {}).items():
            groups.append(([_here(a), _here(b)], value))
        if value := _of(ideal_geometry.PEPTIDE_BOND, name):
            groups.append(([chemistry.C, _here("N")], value))
        rows.append(groups)
    return _table(rows, 2)


@cache
def _angle_table() -> _Table:
    rows = []
    for name in (*chemistry.RESIDUES, "cis PRO"):
        groups: Groups = []
        for atoms, ideal in ideal_geometry.ANGLES.items():
            if value := _of(ideal, name):
                groups.append(([_here(atom) for atom in atoms], value))
        for atoms, ideal in ideal_geometry.JUNCTION_ANGLES.items():
            if value := _of(ideal, name):
                slots = [_here(atom[1:]) if atom[0] == "+" else chemistry.ATOM_INDEX[atom] for atom in atoms]
                groups.append((slots, value))
        rows.append(groups)
    return _table(rows, 3)


@cache
def _chirality_table() -> _Table:
    exists = (0.0, 1.0)
    rows: list[Groups] = []
    for name in chemistry.RESIDUES:
        centers = (CHIRAL_CENTERS.get(name), CHIRAL_CENTERS.get(f"{name} CB"))
        rows.append([([_here(atom) for atom in atoms], exists) for atoms in centers if atoms])
    return _table(rows, 4)
