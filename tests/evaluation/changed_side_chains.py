"""Known changes of side chains, whose metrics can be told beforehand."""

from __future__ import annotations

import math

import torch

from protein_enn import chemistry
from protein_enn.geometry.atom14 import from_atom14, to_atom14
from protein_enn.geometry.side_chains import rotate_chi
from protein_enn.structure import Structure


def rotated(structure: Structure, degrees: float, angle: int = 0) -> Structure:
    """One chi angle of all residues greater by so much."""
    by = torch.zeros(len(structure), 4, dtype=torch.float64)
    by[:, angle] = math.radians(degrees)
    x, mask = to_atom14(structure.positions.double(), structure.present, structure.residues)
    x = rotate_chi(x, structure.residues, by, mask)
    positions = from_atom14(x, structure.residues, structure.positions.double())
    rigid = structure.residues == chemistry.RESIDUE_INDEX["PRO"]
    return structure.with_positions(torch.where(rigid[:, None, None], structure.positions.double(), positions))


def without_proline(structure: Structure) -> Structure:
    """Its ring closes and no chi of it can be rotated freely."""
    return structure.take(structure.residues != chemistry.RESIDUE_INDEX["PRO"])
