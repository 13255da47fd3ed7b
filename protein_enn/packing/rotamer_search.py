"""Side chains for residues that lack atoms: common rotamers first, then small changes of the best."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry.ideal_geometry import SIDE_CHAIN_BONDS
from protein_enn.geometry.atom14 import atom14_slots
from protein_enn.geometry.side_chain_topology import topology
from protein_enn.geometry.side_chains import complete_side_chains, known_chi
from protein_enn.metrics.rotamers import rotamer_log_density, rotamers
from protein_enn.packing.contacts import OTHER_RADIUS, RADII, ROTAMER_WEIGHT, Atoms, choose
from protein_enn.structure import KINDS, Structure

MOST_ROTAMERS = 40
"""The most frequent ones of a residue type that are tried."""
STEPS = (-12.0, 0.0, 12.0)
"""Degrees, about the chosen rotamer: of chi1 and of chi2."""
BOND_ERROR = 0.15
"""Å; new atoms are not put this far off the bond length to old ones, if there is a choice."""
_BROKEN = 20.0
"""Energy of such a bond, as in `packing`."""
_FAR = 9
"""Bonds; more than any limit."""
_SG = chemistry.ATOM_INDEX["SG"]
_RADII = [RADII[chemistry.element(name)] for name in chemistry.ATOMS]


class Candidates(NamedTuple):
    """c side chains of m residues, those of one residue together."""

    rows: Int[Tensor, "c"]  # of the structure
    owner: Int[Tensor, "c"]  # 0 to m - 1
    chi: Float[Tensor, "c 4"]


def chosen_side_chains(
    structure: Structure,
    x: Float[Tensor, "n 14 3"],
    mask: Bool[Tensor, "n 14"],
    rows: Int[Tensor, "m"],
    wanted: Bool[Tensor, "n 14"],
) -> Float[Tensor, "m 14 3"]:
    """The atoms of these rows, complete: the best rotamers, then the best small changes of these. `wanted` are new."""
    around, near = environment(structure), bonds_from_ends()[structure.residues]
    known = known_chi(x[rows], structure.residues[rows], mask[rows])
    candidates = _rotamers(structure.residues[rows], rows, known)
    chosen = torch.zeros(0)
    for step in range(2):
        if step:
            candidates = _rotated(candidates.chi[chosen], structure.residues[rows], rows, known)
        kinds = structure.residues[candidates.rows]
        built = complete_side_chains(x[candidates.rows], mask[candidates.rows], kinds, candidates.chi)
        energy = -ROTAMER_WEIGHT * rotamer_log_density(candidates.chi, kinds).nan_to_num(0.0)
        energy = energy + _BROKEN * _wrong_bonds(built, kinds, wanted[candidates.rows])
        atoms = candidate_atoms(built, candidates, kinds, wanted[candidates.rows])
        chosen = choose(atoms, around, energy, candidates.owner, near)
    return built[chosen]


def _rotamers(residues: Int[Tensor, "m"], rows: Int[Tensor, "m"], known: Float[Tensor, "m 4"]) -> Candidates:
    """The common rotamers of each residue, with the chi angles that are known instead of theirs."""
    owner, chi = [], []
    for m, kind in enumerate(residues.tolist()):
        name = chemistry.RESIDUES[kind]
        angles = torch.zeros(1, 4, dtype=torch.float64)
        if name in chemistry.CHI_ATOMS:
            found = torch.deg2rad(rotamers(name).chi[:MOST_ROTAMERS].double())
            angles = torch.zeros(len(found), 4, dtype=torch.float64)
            angles[:, : found.shape[1]] = found
        angles = torch.where(known[m].isnan(), angles, known[m]).unique(dim=0)
        chi.append(angles)
        owner += [m] * len(angles)
    where = torch.tensor(owner)
    return Candidates(rows[where], where, torch.cat(chi))


def _rotated(
    chi: Float[Tensor, "m 4"], residues: Int[Tensor, "m"], rows: Int[Tensor, "m"], known: Float[Tensor, "m 4"]
) -> Candidates:
    """Each side chain, and rotated a little about chi1 and chi2 where these are free."""
    step = torch.deg2rad(torch.tensor(STEPS, dtype=torch.float64))
    grid = torch.cartesian_prod(step, step)  # (9, 2)
    free = topology(residues.device).rotatable[residues] & known.isnan()
    change = torch.zeros(len(chi), len(grid), 4, dtype=torch.float64)
    change[..., :2] = grid * free[:, None, :2]
    owner = torch.arange(len(chi)).repeat_interleave(len(grid))
    return Candidates(rows[owner], owner, (chi[:, None] + change).flatten(0, 1))


def _wrong_bonds(
    built: Float[Tensor, "c 14 3"], kinds: Int[Tensor, "c"], added: Bool[Tensor, "c 14"]
) -> Float[Tensor, "c"]:
    """How many bonds of added atoms are off: where they meet atoms of the file, or close a ring on N."""
    pairs, lengths = _bond_table()
    pairs, lengths = pairs[kinds], lengths[kinds]
    every = torch.arange(len(built))[:, None]
    distance = (built[every, pairs[..., 0]] - built[every, pairs[..., 1]]).norm(dim=-1)
    new = added[every, pairs[..., 0]] | added[every, pairs[..., 1]]
    return ((distance - lengths).abs() > BOND_ERROR).mul(new & (lengths > 0)).sum(-1).double()


def environment(structure: Structure) -> Atoms:
    """All atoms that are there; of the others not the waters, which give way."""
    row, slot = structure.present.nonzero(as_tuple=True)
    hetero = structure.hetero
    solid = hetero.kinds != KINDS.index("water")
    elements = [e for e, kept in zip(hetero.elements, solid.tolist(), strict=True) if kept]
    radii = [_RADII[s] for s in slot.tolist()] + [RADII.get(e, OTHER_RADIUS) for e in elements]
    outside = torch.full((len(elements),), -1)
    return Atoms(
        torch.cat([structure.positions[row, slot], hetero.positions[solid]]).double(),
        torch.tensor(radii, dtype=torch.float64),
        torch.cat([row, outside]),
        torch.cat([slot, outside]),
        torch.full((len(radii),), -1),
        torch.cat([slot == _SG, outside > 0]),
    )


def candidate_atoms(
    built: Float[Tensor, "c 14 3"], candidates: Candidates, kinds: Int[Tensor, "c"], added: Bool[Tensor, "c 14"]
) -> Atoms:
    which, column = added.nonzero(as_tuple=True)
    slot = atom14_slots(kinds)[0][which, column]
    return Atoms(
        built[which, column],
        torch.tensor(_RADII, dtype=torch.float64)[slot],
        candidates.rows[which],
        slot,
        which,
        slot == _SG,
    )


@cache
def _bond_table() -> tuple[Int[Tensor, "21 14 2"], Float[Tensor, "21 14"]]:
    """Compact columns of the ends of side-chain bonds, and their lengths (Å); 0: no bond."""
    types = len(chemistry.RESIDUES)
    pairs, lengths = torch.zeros(types, 14, 2).long(), torch.zeros(types, 14).double()
    for name, bonds in SIDE_CHAIN_BONDS.items():
        row, atoms = chemistry.RESIDUE_INDEX[name], chemistry.RESIDUE_ATOMS[name]
        for k, ((a, b), (mean, _)) in enumerate(bonds.items()):
            pairs[row, k], lengths[row, k] = torch.tensor([atoms.index(a), atoms.index(b)]), mean
    return pairs, lengths


@cache
def bonds_from_ends() -> Int[Tensor, "21 37 2"]:
    """(21, 37, 2): bonds to each atom of a residue from its N and from its C."""
    count = [[[_FAR] * 2 for _ in chemistry.ATOMS] for _ in chemistry.RESIDUES]
    for row, name in enumerate(chemistry.RESIDUES):
        for end, root in enumerate(("N", "C")):
            count[row][chemistry.ATOM_INDEX[root]][end] = 0
            for _ in range(_FAR):
                for a, b in chemistry.BONDS[name]:
                    i, j = chemistry.ATOM_INDEX[a], chemistry.ATOM_INDEX[b]
                    count[row][i][end] = min(count[row][i][end], count[row][j][end] + 1)
                    count[row][j][end] = min(count[row][j][end], count[row][i][end] + 1)
    return torch.tensor(count)
