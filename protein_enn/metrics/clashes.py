"""Clashes: pairs of heavy atoms of different residues that stand too close.

Convention: the van der Waals radii (Bondi, chemistry.VDW_RADII) overlap by more than 0.4 Å, the limit of MolProbity
and Probe (Word et al. (1999) J. Mol. Biol. 285:1711; Chen et al. (2010) Acta Cryst. D66:12). MolProbity counts with
hydrogens; without them fewer contacts are seen, so these counts compare with one another, not with a clashscore. A
pair of N and O may be hydrogen bonded and is allowed a further 0.4 Å.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import peptide_bonded

OVERLAP = 0.4
HYDROGEN_BOND = 0.4
"""Å."""
DISULFIDE = 2.5
"""Å; sulfurs of two cysteines closer than this are bonded."""
NEAR_BONDS = 4
"""Atoms this few bonds apart do not clash: O to the next residue's C, four bonds off, is 2.8 Å in every other helix."""


def clashes(
    positions: Float[Tensor, "n 37 3"],
    present: Bool[Tensor, "n 37"],
    residues: Int[Tensor, "n"],
    chains: Int[Tensor, "n"],
) -> Int[Tensor, "pairs 2 2"]:
    """The clashing pairs: for each of its two atoms (residue, slot). Ligands and other atoms are not looked at."""
    atoms = present.cpu().nonzero()
    points = positions.cpu()[present.cpu()].double()
    limits = _limits()
    # A tree that is not balanced is built faster, and of atoms in space no worse.
    tree = cKDTree(points.numpy(), balanced_tree=False, compact_nodes=False) if len(points) else None
    found = tree.query_pairs(float(limits.max()), output_type="ndarray") if tree else ()
    pairs = torch.as_tensor(found, dtype=torch.long).reshape(-1, 2)
    pairs = pairs[atoms[pairs[:, 0], 0] != atoms[pairs[:, 1], 0]]
    first, second = pairs.unbind(1)
    distance = torch.linalg.vector_norm(points[first] - points[second], dim=-1)
    pairs = atoms[pairs[distance < limits[atoms[first, 1], atoms[second, 1]]]]
    near = _near_in_bonds(pairs, residues.cpu(), peptide_bonded(positions, present, chains).cpu(), positions.cpu())
    return pairs[~near]


def _near_in_bonds(
    pairs: Int[Tensor, "pairs 2 2"],
    residues: Int[Tensor, "n"],
    bonded: Bool[Tensor, "n"],
    positions: Float[Tensor, "n 37 3"],
) -> Bool[Tensor, "pairs"]:
    """Whether a pair is NEAR_BONDS or fewer bonds apart, over a peptide bond or a disulfide."""
    i, j = pairs[:, 0, 0], pairs[:, 1, 0]
    a, b = pairs[:, 0, 1], pairs[:, 1, 1]
    from_c, from_n, from_sg = (_bonds_from(name) for name in ("C", "N", "SG"))
    forward = (j == i + 1) & bonded[i] & (from_c[residues[i], a] + 1 + from_n[residues[j], b] <= NEAR_BONDS)
    backward = (i == j + 1) & bonded[j] & (from_n[residues[i], a] + 1 + from_c[residues[j], b] <= NEAR_BONDS)
    sulfur = chemistry.ATOM_INDEX["SG"]
    bridge = torch.linalg.vector_norm(positions[i, sulfur] - positions[j, sulfur], dim=-1) < DISULFIDE
    # C(i) and N(i + 2) are the only atoms two residues apart with four bonds or fewer between them.
    low, high = torch.minimum(i, j), torch.maximum(i, j)
    ends = torch.where((i < j)[:, None], pairs[:, :, 1], pairs[:, :, 1].flip(1))
    over = (high == low + 2) & bonded[low] & bonded[low + 1]
    over = over & (ends[:, 0] == chemistry.C) & (ends[:, 1] == chemistry.N)
    disulfide = bridge & (from_sg[residues[i], a] + 1 + from_sg[residues[j], b] <= NEAR_BONDS)
    return forward | backward | over | disulfide


@cache
def _limits() -> Float[Tensor, "37 37"]:
    """Å, float64: closer than this, atoms of the two slots clash."""
    elements = [chemistry.element(name) for name in chemistry.ATOMS]
    radii = torch.tensor([chemistry.VDW_RADII[element] for element in elements], dtype=torch.double)
    polar = torch.tensor([element in "NO" for element in elements])
    return radii[:, None] + radii - OVERLAP - HYDROGEN_BOND * (polar[:, None] & polar)


@cache
def _bonds_from(root: str) -> Int[Tensor, "residues 37"]:
    """Number of bonds from an atom to each atom of the same residue; far beyond any limit where there is no path."""
    distance = torch.full((len(chemistry.RESIDUES), 37), 99)
    for row, name in enumerate(chemistry.RESIDUES):
        reached = {root} if root in (*chemistry.RESIDUE_ATOMS[name], "OXT") else set()
        for steps in range(NEAR_BONDS + 1):
            for atom in reached:
                slot = chemistry.ATOM_INDEX[atom]
                distance[row, slot] = min(int(distance[row, slot]), steps)
            reached |= {y for bond in chemistry.BONDS[name] for x, y in (bond, bond[::-1]) if x in reached}
    return distance
