"""Ideal bonds and angles as distances: of each residue type, and of angles in general (Engh & Huber 2001)."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import ATOM_INDEX
from protein_enn.chemistry import ideal_geometry as ideal

ANGLE_FLOOR = 1.5
"""Degrees; least standard deviation of an angle: a few of the tables' are narrower than models are exact."""


@cache
def residue_template(name: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Slots, lengths and standard deviations of a residue's distances; slots of its bonds."""
    rows = [(a, b, *ideal_bond(name, a, b)) for a, b in chemistry.BONDS[name]]
    bonds = torch.tensor([(ATOM_INDEX[a], ATOM_INDEX[b]) for a, b in chemistry.BONDS[name]])
    evaluated = {" ".join(atoms): of_residue(table, name) for atoms, table in ideal.ANGLES.items()}
    angles = {**evaluated, **ideal.TERMINAL_ANGLES, **ideal.SIDE_CHAIN_ANGLES.get(name, {})}
    names = {atom for bond in chemistry.BONDS[name] for atom in bond}
    for atoms, angle in angles.items():
        a, b, c = atoms.split()
        if {a, b, c} <= names:
            rows.append((a, c, *opposite(ideal_bond(name, a, b), ideal_bond(name, b, c), angle)))
    slots = torch.tensor([(ATOM_INDEX[a], ATOM_INDEX[b]) for a, b, _, _ in rows])
    values = torch.tensor([row[2:] for row in rows], dtype=torch.double)
    return slots, values[:, 0], values[:, 1], bonds


def ideal_bond(name: str, a: str, b: str) -> ideal.Ideal:
    """Length of a bond of a residue and its standard deviation; infinite where no table has it."""
    for pair in ((a, b), (b, a)):
        if pair in ideal.BACKBONE_BONDS:
            return of_residue(ideal.BACKBONE_BONDS[pair], name)
        if pair in ideal.SIDE_CHAIN_BONDS.get(name, {}):
            return ideal.SIDE_CHAIN_BONDS[name][pair]
        if pair == ("C", "OXT"):
            return ideal.TERMINAL_BOND
    return 1.53, float("inf")  # UNK


def of_residue(table: dict[str, ideal.Ideal], name: str) -> ideal.Ideal:
    """The entry of a residue; "cis PRO" falls back on PRO, and what is not in the table on all others."""
    return table.get(name) or table.get(name.split()[-1]) or table[""]


def opposite(first: ideal.Ideal, second: ideal.Ideal, angle: ideal.Ideal) -> ideal.Ideal:
    """Distance between the ends of an angle, by the law of cosines, and its standard deviation from the angle's."""
    a, b = first[0], second[0]
    theta, spread = torch.tensor((angle[0], max(angle[1], ANGLE_FLOOR)), dtype=torch.double).deg2rad().tolist()
    cosine, sine = float(torch.tensor(theta).cos()), float(torch.tensor(theta).sin())
    length = (a * a + b * b - 2 * a * b * cosine) ** 0.5
    return length, a * b * sine / length * spread
