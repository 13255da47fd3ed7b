"""Distances across bonds between residues: of peptide bonds and disulfides by tables, of other links by themselves."""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import COVALENT_RADII, ResidueBonds
from protein_enn.chemistry import ATOM_INDEX, CA, CB, C, N
from protein_enn.chemistry import ideal_geometry as ideal
from protein_enn.refinement.idealize.peptides import SLOTS
from protein_enn.refinement.idealize.templates import ideal_bond, of_residue, opposite
from protein_enn.structure import Structure

SG = ATOM_INDEX["SG"]
NATURAL = 0.2
"""Å by which a link may differ from the sum of two covalent radii and be kept as it is."""
LINK_SIGMA = 0.03
"""Å: standard deviation of the length of a link that no table has, where it is not kept."""
LINK_ANGLE = (115.0, 5.0)
"""Degrees: angle at an end of such a link, between those of tetrahedral and planar atoms."""

Terms = tuple[Int[Tensor, "p 2"], Float[Tensor, "p"], Float[Tensor, "p"]]
"""Pairs of atoms, their distances and the standard deviations, Å."""


def across_peptides(structure: Structure, peptides: Int[Tensor, "k 2"], cis: Bool[Tensor, "k"]) -> list[Terms]:
    """The peptide bonds and the angles across them, by the residue that gives the N."""
    tail, head = peptides.T
    kind = structure.residues[head] + len(chemistry.RESIDUES) * cis
    found = []
    for a, b, table in _junction():
        exists = table[kind, 1] > 0
        pairs = torch.stack((tail * SLOTS + a, head * SLOTS + b), -1)[exists]
        found.append((pairs, table[kind][exists, 0], table[kind][exists, 1]))
    return found


@cache
def _junction() -> list[tuple[int, int, Tensor]]:
    """Slots at the C and N side, (length, sigma) by the kind at the N side; kinds + 21 are after a cis bond."""
    tables: dict[tuple[int, int], list[ideal.Ideal]] = {}
    for cis in (False, True):
        for name in chemistry.RESIDUES:
            bond = of_residue(ideal.PEPTIDE_BOND, name)
            before = {"CA": ideal_bond("ALA", "CA", "C"), "O": ideal_bond("ALA", "C", "O")}
            for (a, _, c), table in ideal.JUNCTION_ANGLES.items():
                angle = of_residue(table, "cis PRO" if cis and name == "PRO" else name)
                if c == "+CA":
                    key, value = (C, CA), opposite(bond, ideal_bond(name, "N", "CA"), angle)
                else:
                    key, value = (ATOM_INDEX[a], N), opposite(before[a], bond, angle)
                tables.setdefault(key, []).append(value)
            tables.setdefault((C, N), []).append(bond)
            angle = ideal.PROLINE_JUNCTION["cis" if cis else "trans"]
            ring = opposite(bond, ideal_bond("PRO", "CD", "N"), angle) if name == "PRO" else (0.0, 0.0)
            tables.setdefault((C, ATOM_INDEX["CD"]), []).append(ring)
    return [(a, b, torch.tensor(values, dtype=torch.double)) for (a, b), values in tables.items()]


def across_links(structure: Structure, links: ResidueBonds) -> Terms:
    """The bonds of links and the angles at their ends. Infinite deviations: kept as they are in the structure."""
    rows: list[tuple[int, int, float, float]] = []
    lengths = links.lengths(structure.positions).tolist()
    for (i, j), (a, b), length in zip(links.residues.tolist(), links.atoms.tolist(), lengths, strict=True):
        names = [chemistry.RESIDUES[int(structure.residues[k])] for k in (i, j)]
        bond, kept = _link_bond(a, b, length)
        rows.append((i * SLOTS + a, j * SLOTS + b, bond[0], torch.inf if kept else bond[1]))
        for (row, end), name, opposed in (((i, a), names[0], (j, b)), ((j, b), names[1], (i, a))):
            for near in _bonded_slots(name, end):
                inner = ideal_bond(name, chemistry.ATOMS[near], chemistry.ATOMS[end])
                disulfide = end == opposed[1] == SG and near == CB
                span = opposite(inner, bond, ideal.DISULFIDE_ANGLE if disulfide else LINK_ANGLE)
                sigma = torch.inf if kept else span[1]
                rows.append((row * SLOTS + near, opposed[0] * SLOTS + opposed[1], span[0], sigma))
    values = torch.tensor(rows, dtype=torch.double).reshape(-1, 4)
    return values[:, :2].long(), values[:, 2].contiguous(), values[:, 3].contiguous()


def _link_bond(a: int, b: int, length: float) -> tuple[ideal.Ideal, bool]:
    """Length and deviation of a link between two slots, and whether it is to be kept as it is."""
    if a == b == SG:
        return ideal.DISULFIDE_BOND, False
    radii = sum(COVALENT_RADII[chemistry.element(chemistry.ATOMS[slot])] for slot in (a, b))
    return (radii, LINK_SIGMA), abs(length - radii) < NATURAL


@cache
def _bonded_slots(name: str, slot: int) -> tuple[int, ...]:
    """Slots of the atoms of the same residue that a bond joins to a slot."""
    pairs = [tuple(ATOM_INDEX[atom] for atom in bond) for bond in chemistry.BONDS[name]]
    return tuple(sum(pair) - slot for pair in pairs if slot in pair)
