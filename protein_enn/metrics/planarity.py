"""Planarity: groups of atoms that chemistry keeps in one plane, and how far their atoms are out of it.

A group's plane is the one of least squares through its atoms; the group is an outlier if an atom is farther from it
than 4 standard deviations of 0.02 Å, the value that the CCP4 monomer library gives to its planes (Vagin et al. (2004)
Acta Cryst. D60:2184). Judged are the rings of His, Phe, Trp and Tyr, the guanidinium group of Arg, the carboxyl groups
of Asp and Glu, the amides of Asn and Gln, and the carbonyl carbon of a peptide bond with its three neighbors (CA, C, O
and the next N; the twist about the bond is omega's matter). Atoms that hang on a ring are left out: they do bend away.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.covalent import Joined

SIGMA = 0.02
LIMIT = 4 * SIGMA
"""Å."""

PLANES: dict[str, tuple[str, ...]] = {
    "ARG": ("NE", "CZ", "NH1", "NH2"),
    "ASN": ("CB", "CG", "OD1", "ND2"),
    "ASP": ("CB", "CG", "OD1", "OD2"),
    "GLN": ("CG", "CD", "OE1", "NE2"),
    "GLU": ("CG", "CD", "OE1", "OE2"),
    "HIS": ("CG", "ND1", "CD2", "CE1", "NE2"),
    "PHE": ("CG", "CD1", "CD2", "CE1", "CE2", "CZ"),
    "TRP": ("CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"),
    "TYR": ("CG", "CD1", "CD2", "CE1", "CE2", "CZ"),
}
"""Side-chain groups; of four atoms the second is the one that the others surround."""
PEPTIDE = ("CA", "C", "O")
"""With the next N."""
MOST = max(map(len, PLANES.values()))


class _Groups(NamedTuple):
    """Slots of `Joined` for each residue type."""

    fours: Int[Tensor, "types 2 4"]  # side chain, peptide bond; the second atom is in the middle
    exists: Bool[Tensor, "types 2"]
    rings: Int[Tensor, "types m"]
    weight: Float[Tensor, "types m"]  # 1 for the atoms of the ring, 0 for padding


def plane_deviations(adjacent: Joined, residues: Int[Tensor, "n"]) -> Float[Tensor, "n 2"]:
    """Largest distance (Å) of an atom from its group's plane: side chain, peptide bond before the residue; else nan."""
    fours, exists, large, weight = _groups()
    points, known = adjacent.atoms(fours[residues])
    result = torch.where(known & exists[residues], _of_four(points), torch.nan)
    rings = weight.any(-1)[residues].nonzero()[:, 0]
    slots, used = large[residues[rings]], weight[residues[rings]]
    known = (adjacent.present[rings].gather(1, slots) | (used == 0)).all(-1)
    points = adjacent.positions[rings[:, None], slots]
    result[rings, 0] = torch.where(known, _of_ring(points, used), torch.nan)
    return result


def _of_four(points: Float[Tensor, "n k 4 3"]) -> Float[Tensor, "n k"]:
    """Largest distance from the plane of least squares of three atoms and the one (second) that they surround.

    Where that one stands at a height h over the plane of the three, the fitted plane is parallel to theirs but for
    terms of the third order, and 3/4 h from the one in the middle.
    """
    a, middle, b, c = points.unbind(2)
    normal = torch.linalg.cross(b - a, c - a)
    height = ((middle - a) * normal).sum(-1) / torch.linalg.vector_norm(normal, dim=-1)
    return 0.75 * height.abs()


def _of_ring(points: Float[Tensor, "g m 3"], weight: Float[Tensor, "g m"]) -> Float[Tensor, "g"]:
    """Largest distance of an atom of weight 1 from the plane of least squares of those atoms."""
    center = (weight[..., None] * points).sum(1) / weight.sum(-1, keepdim=True)
    apart = weight[..., None] * (points - center[:, None])
    _, directions = torch.linalg.eigh(apart.mT @ apart)
    return (apart @ directions[:, :, :1])[..., 0].abs().amax(-1)


@cache
def _groups() -> _Groups:
    types = len(chemistry.RESIDUES)
    fours, exists = torch.zeros(types, 2, 4, dtype=torch.long), torch.zeros(types, 2, dtype=torch.bool)
    rings, weight = torch.full((types, MOST), 37), torch.zeros(types, MOST, dtype=torch.double)
    fours[:, 1] = torch.tensor([*(chemistry.ATOM_INDEX[atom] for atom in PEPTIDE), 37 + chemistry.N])
    exists[:, 1] = True
    for name, atoms in PLANES.items():
        row, slots = chemistry.RESIDUE_INDEX[name], torch.tensor([37 + chemistry.ATOM_INDEX[atom] for atom in atoms])
        if len(atoms) == 4:
            fours[row, 0], exists[row, 0] = slots, True
        else:
            rings[row, : len(atoms)], weight[row, : len(atoms)] = slots, 1.0
    return _Groups(fours, exists, rings, weight)


def is_out_of_plane(deviations: Float[Tensor, "n 2"]) -> Bool[Tensor, "n 2"]:
    """Whether a group is an outlier; a group that does not exist (nan) is none."""
    return deviations > LIMIT
