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
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import ResidueBonds, residue_bonds
from protein_enn.deprecated import warn
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure

OVERLAP = 0.4
HYDROGEN_BOND = 0.4
"""Å."""
NEAR_BONDS = 4
"""Atoms this few bonds apart do not clash: O to the next residue's C, four bonds off, is 2.8 Å in every other helix."""


def clashes(structure: Structure | Tensor, *arrays: Tensor) -> Int[Tensor, "pairs 2 2"]:
    """The clashing pairs of a structure's protein atoms. Atoms few bonds apart do not clash (`NEAR_BONDS`).

    Parameters
    ----------
    structure
        Any structure. Ligands and other hetero atoms are not looked at.
    *arrays
        Nothing: version 1 took positions, present, residues and chains in place of the structure.

    Returns
    -------
    Int[Tensor, "pairs 2 2"]
        For each of the two atoms its residue and its slot.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> len(clashes(read_structure("examples/1bhl.pdb")))
    0
    """
    if isinstance(structure, Tensor):
        warn("clashes(positions, present, residues, chains)", "clashes(structure)")
        structure = _structure_of(structure, *arrays)
    present = structure.present.cpu()
    atoms = present.nonzero()
    points = structure.positions.cpu()[present].double()
    limits = _limits()
    # A tree that is not balanced is built faster, and of atoms in space no worse.
    tree = kd_tree(points.numpy(), balanced_tree=False, compact_nodes=False) if len(points) else None
    found = tree.query_pairs(float(limits.max()), output_type="ndarray") if tree else ()
    pairs = torch.as_tensor(found, dtype=torch.long).reshape(-1, 2)
    pairs = pairs[atoms[pairs[:, 0], 0] != atoms[pairs[:, 1], 0]]
    first, second = pairs.unbind(1)
    distance = torch.linalg.vector_norm(points[first] - points[second], dim=-1)
    pairs = atoms[pairs[distance < limits[atoms[first, 1], atoms[second, 1]]]]
    return pairs[~_few_bonds_apart(pairs, structure.residues.cpu(), residue_bonds(structure))]


def _structure_of(positions: Tensor, present: Tensor, residues: Tensor, chains: Tensor) -> Structure:
    """A structure of these atoms and nothing else."""
    n, one = len(residues), torch.ones_like(present, dtype=positions.dtype)
    ids = tuple(str(i) for i in range(int(chains.max()) + 1 if n else 0))
    return Structure(
        name="", residues=residues, positions=positions, present=present, chains=chains, chain_ids=ids,
        label_chain_ids=ids, numbers=torch.arange(n), insertion_codes=("",) * n, label_numbers=torch.arange(n),
        residue_names=("",) * n, b_factors=one, occupancies=one,
    )  # fmt: skip


def _few_bonds_apart(
    pairs: Int[Tensor, "pairs 2 2"], residues: Int[Tensor, "n"], bonds: ResidueBonds
) -> Bool[Tensor, "pairs"]:
    """Whether a pair is NEAR_BONDS or fewer bonds apart, over one bond between residues or two peptide bonds."""
    n, steps = len(residues), _bonds_within()
    ends = torch.cat([bonds.residues, bonds.residues.flip(1)])
    slots = torch.cat([bonds.atoms, bonds.atoms.flip(1)])
    keys = ends[:, 0] * n + ends[:, 1]
    keys, order = keys.sort()
    slots = slots[order]
    (i, j), (a, b) = pairs[:, :, 0].T, pairs[:, :, 1].T
    wanted = i * n + j
    start, stop = torch.searchsorted(keys, wanted), torch.searchsorted(keys, wanted, right=True)
    result = torch.zeros(len(pairs), dtype=torch.bool)
    for k in range(int((stop - start).amax()) if len(pairs) else 0):  # two residues may share several bonds
        has = (start + k < stop).nonzero()[:, 0]
        at = slots[start[has] + k]
        apart = steps[residues[i[has]], at[:, 0], a[has]] + 1 + steps[residues[j[has]], at[:, 1], b[has]]
        result[has] |= apart <= NEAR_BONDS
    # C and N across a residue between are the only atoms two bonds between residues apart with so few in all.
    after = torch.full((n + 1,), -1)
    tail, head = bonds.residues[bonds.peptide].T
    after[tail] = head
    forward = (a == chemistry.C) & (b == chemistry.N) & (after[after[i]] == j)
    backward = (b == chemistry.C) & (a == chemistry.N) & (after[after[j]] == i)
    return result | forward | backward


@cache
def _limits() -> Float[Tensor, "37 37"]:
    """Å, float64: closer than this, atoms of the two slots clash."""
    elements = [chemistry.element(name) for name in chemistry.ATOMS]
    radii = torch.tensor([chemistry.VDW_RADII[element] for element in elements], dtype=torch.double)
    polar = torch.tensor([element in "NO" for element in elements])
    return radii[:, None] + radii - OVERLAP - HYDROGEN_BOND * (polar[:, None] & polar)


@cache
def _bonds_within() -> Int[Tensor, "residues 37 37"]:
    """Number of bonds between two atoms of a residue; far beyond any limit where there is no path."""
    width = len(chemistry.ATOMS)
    distance = torch.full((len(chemistry.RESIDUES), width, width), 99)
    for row, name in enumerate(chemistry.RESIDUES):
        for root in (*chemistry.RESIDUE_ATOMS[name], "OXT"):
            reached = {root}
            for steps in range(NEAR_BONDS + 1):
                for atom in reached:
                    place = row, chemistry.ATOM_INDEX[root], chemistry.ATOM_INDEX[atom]
                    distance[place] = min(int(distance[place]), steps)
                reached |= {y for bond in chemistry.BONDS[name] for x, y in (bond, bond[::-1]) if x in reached}
    return distance
