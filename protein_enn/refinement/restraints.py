"""Covalent geometry held as it was in the input: distances of bonds, angles and planes, restored by projection.

A network's displacements turn torsions well but leave bonds a few hundredths of an Å off. So every bonded (1-2) and
angle (1-3) distance, rigid ring and peptide plane of the input is a constraint, solved by iterated averaged
projection (SHAKE, Ryckaert et al. 1977, J. Comput. Phys. 23:327, in its parallel Jacobi form). Residues whose covalent
geometry is already an outlier in the input are left free to be mended.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import ATOM_INDEX, CA, C, N, O
from protein_enn.geometry.dihedrals import peptide_bonded
from protein_enn.structure import Structure

DISULFIDE = 2.5
"""Å: cysteine SG atoms closer than this are bonded."""
PLANES: dict[str, tuple[str, ...]] = {
    "ARG": ("CD", "NE", "CZ", "NH1", "NH2"),
    "HIS": ("CB", "CG", "ND1", "CD2", "CE1", "NE2"),
    "PHE": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ"),
    "TRP": ("CB", "CG", "CD1", "CD2", "NE1", "CE2", "CE3", "CZ2", "CZ3", "CH2"),
    "TYR": ("CB", "CG", "CD1", "CD2", "CE1", "CE2", "CZ", "OH"),
}
"""Atoms that move as one rigid plane."""
_OVERRELAXATION = 1.6  # of the averaged corrections; below 2 for stability


@dataclass(frozen=True, eq=False)
class Restraints:
    """p pairs of atoms, as rows of positions.reshape(n * 37, 3), and the distance (Å) each is to keep."""

    pairs: Int[Tensor, "p 2"]
    lengths: Float[Tensor, "p"]

    def project(
        self,
        positions: Float[Tensor, "n 37 3"],
        movable: Bool[Tensor, "n"],
        *,
        rounds: int = 500,
        within: float = 0.001,
    ) -> Float[Tensor, "n 37 3"]:
        """Move atoms of movable residues until every distance is right `within` Å, or `rounds` are done."""
        free = movable.repeat_interleave(positions.shape[1]).double()
        touched = free[self.pairs].sum(-1) > 0
        pairs, lengths = self.pairs[touched], self.lengths[touched].double()
        if len(pairs) == 0:
            return positions
        # Constraints only ever touch a few atoms: work on those, in float64 so that the order of sums cannot matter.
        atoms, pairs = pairs.unique(return_inverse=True)
        x, weight = positions.reshape(-1, 3)[atoms].double(), free[atoms]
        first, second = pairs.T
        count = torch.zeros(len(x), dtype=x.dtype).index_add_(0, pairs.reshape(-1), torch.ones(pairs.numel()).double())
        share = _OVERRELAXATION / (weight[first] + weight[second])
        for _ in range(rounds):
            apart = x[first] - x[second]
            length = apart.norm(dim=-1).clamp_min(1e-6)
            excess = length - lengths
            if float(excess.abs().max()) < within:
                break
            step = (share * excess / length)[:, None] * apart
            pull = torch.zeros_like(x).index_add_(0, first, -step).index_add_(0, second, step)
            x = x + pull * (weight / count)[:, None]
        result = positions.reshape(-1, 3).clone()
        result[atoms] = torch.where(weight[:, None] > 0, x.to(result.dtype), result[atoms])
        return result.reshape(positions.shape)


def restraints(structure: Structure, free: Bool[Tensor, "n"]) -> Restraints:
    """The input's own covalent distances, except those that touch a residue in `free`."""
    size = len(chemistry.ATOMS)
    flat, present = structure.positions.reshape(-1, 3), structure.present.reshape(-1)
    found = []
    for kind, name in enumerate(chemistry.RESIDUES):
        rows = (structure.residues == kind).nonzero()[:, 0]
        inside = torch.tensor(_pairs_inside(name))
        found.append((rows[:, None, None] * size + inside).reshape(-1, 2))
    rows = peptide_bonded(structure.positions, structure.present, structure.chains).nonzero()[:, 0]
    for before, after in _pairs_across():
        found.append(torch.stack((rows * size + before, (rows + 1) * size + after), -1))
    found.append(_disulfides(structure))
    pairs = torch.cat(found)
    kept = present[pairs].all(-1) & ~free[pairs // size].any(-1)
    pairs = pairs[kept]
    return Restraints(pairs, (flat[pairs[:, 0]] - flat[pairs[:, 1]]).norm(dim=-1))


@cache
def _pairs_inside(name: str) -> list[tuple[int, int]]:
    """Slots of atoms of one residue that are one or two bonds apart or share a rigid plane."""
    bonds = chemistry.BONDS[name]
    bonded: dict[str, set[str]] = {}
    for a, b in bonds:
        bonded.setdefault(a, set()).add(b)
        bonded.setdefault(b, set()).add(a)
    pairs = {frozenset(bond) for bond in bonds}
    for ends in bonded.values():
        pairs |= {frozenset(pair) for pair in combinations(ends, 2)}
    pairs |= {frozenset(pair) for pair in combinations(PLANES.get(name, ()), 2)}
    return sorted((min(slots), max(slots)) for slots in ([ATOM_INDEX[a] for a in pair] for pair in pairs))


def _pairs_across() -> list[tuple[int, int]]:
    """Slots (of residue i, of residue i + 1) of the peptide plane CA C O | N CA, omega included."""
    return [(a, b) for a in (CA, C, O) for b in (N, CA)]


def _disulfides(structure: Structure) -> Int[Tensor, "d 2"]:
    """Bonds SG-SG and the angles CB-SG-SG across them."""
    sg, cb = ATOM_INDEX["SG"], ATOM_INDEX["CB"]
    rows = ((structure.residues == chemistry.RESIDUE_INDEX["CYS"]) & structure.present[:, sg]).nonzero()[:, 0]
    at = structure.positions[rows, sg]
    near = (at[:, None] - at[None]).norm(dim=-1) < DISULFIDE
    one, two = rows[near.triu(1).nonzero()].T
    size = len(chemistry.ATOMS)
    ends = ((sg, sg), (sg, cb), (cb, sg))
    return torch.cat([torch.stack((one * size + a, two * size + b), -1) for a, b in ends])
