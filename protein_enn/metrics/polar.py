"""Hydrogen bonds between heavy atoms, and buried polar atoms without a partner.

Hydrogens are not in the files, so a hydrogen bond is a donor and an acceptor within `LONGEST`, neither of them at an
angle below 90 degrees to what it is bonded to: the criteria of Baker and Hubbard (1984) Prog. Biophys. Mol. Biol. 44:97
that do not need hydrogens.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.metrics.surface import Surface
from protein_enn.structure import KINDS, Structure

LONGEST = 3.5
"""Å between donor and acceptor."""
METAL = 3.0
"""Å between a polar atom and an ion that it binds."""
BURIED = 0.1
"""Å^2: an atom with less accessible surface is buried."""
DONORS = {
    "ARG": ("NE", "NH1", "NH2"), "ASN": ("ND2",), "GLN": ("NE2",), "HIS": ("ND1", "NE2"), "LYS": ("NZ",),
    "SER": ("OG",), "THR": ("OG1",), "TRP": ("NE1",), "TYR": ("OH",),
}  # fmt: skip
ACCEPTORS = {
    "ASN": ("OD1",), "ASP": ("OD1", "OD2"), "GLN": ("OE1",), "GLU": ("OE1", "OE2"), "HIS": ("ND1", "NE2"),
    "SER": ("OG",), "THR": ("OG1",), "TYR": ("OH",),
}  # fmt: skip


def hydrogen_bonds(structure: Structure) -> Int[Tensor, "bonds 2 2"]:
    """Hydrogen bonds between residues.

    Parameters
    ----------
    structure
        Any structure with side chains.

    Returns
    -------
    Int[Tensor, "bonds 2 2"]
        Residue and slot of the donor, then of the acceptor.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> 100 < len(hydrogen_bonds(read_structure("examples/1bhl.pdb"))) < 200
    True
    """
    donors, acceptors = (_atoms(structure, table) for table in (_slots(DONORS, "N"), _slots(ACCEPTORS, "O", "OXT")))
    if not len(donors) or not len(acceptors):
        return torch.zeros(0, 2, 2, dtype=torch.long)
    points = structure.positions.double()
    tree = kd_tree(points[acceptors[:, 0], acceptors[:, 1]].numpy())
    near = tree.query_ball_point(points[donors[:, 0], donors[:, 1]].numpy(), LONGEST)
    pairs = [(i, j) for i, found in enumerate(near) for j in found]
    if not pairs:
        return torch.zeros(0, 2, 2, dtype=torch.long)
    index = torch.tensor(pairs)
    bonds = torch.stack([donors[index[:, 0]], acceptors[index[:, 1]]], 1)
    apart = bonds[:, 0, 0] != bonds[:, 1, 0]
    return bonds[apart & ~_sharp(structure, bonds[:, 0], bonds[:, 1]) & ~_sharp(structure, bonds[:, 1], bonds[:, 0])]


def unsatisfied(structure: Structure, surface: Surface) -> Int[Tensor, "atoms 2"]:
    """Buried N and O that could make a hydrogen bond and make none.

    A hydrogen bond to any residue, any N or O of a hetero atom (water too) within `LONGEST`, or an ion within `METAL`
    counts.

    Parameters
    ----------
    structure
        Any structure with side chains.
    surface
        Its surface.

    Returns
    -------
    Int[Tensor, "atoms 2"]
        Residue and slot.
    """
    table = _slots(DONORS, "N") | _slots(ACCEPTORS, "O", "OXT")
    buried = surface.areas < BURIED
    buried &= table[structure.residues[surface.residues], surface.slots]
    atoms = torch.stack([surface.residues[buried], surface.slots[buried]], 1)
    bonded = {tuple(atom) for atom in hydrogen_bonds(structure).flatten(0, 1).tolist()}
    free = torch.tensor([tuple(atom) not in bonded for atom in atoms.tolist()], dtype=torch.bool)
    return atoms[free & ~_bound_elsewhere(structure, atoms)]


def _bound_elsewhere(structure: Structure, atoms: Int[Tensor, "a 2"]) -> Bool[Tensor, "a"]:
    """Which atoms have a polar hetero atom or an ion near."""
    hetero = structure.hetero
    bound = torch.zeros(len(atoms), dtype=torch.bool)
    points = structure.positions[atoms[:, 0], atoms[:, 1]].double().numpy()
    polar = torch.tensor([element.upper() in ("N", "O") for element in hetero.elements], dtype=torch.bool)
    for chosen, distance in ((polar, LONGEST), (hetero.kinds == KINDS.index("ion"), METAL)):
        if chosen.any() and len(atoms):
            near, _ = kd_tree(hetero.positions[chosen].double().numpy()).query(points, distance_upper_bound=distance)
            bound |= torch.from_numpy(near).isfinite()
    return bound


def _slots(table: dict[str, tuple[str, ...]], *backbone: str) -> Bool[Tensor, "21 37"]:
    """Which atoms of each residue type a table names, with atoms of the backbone; proline's N gives no hydrogen."""
    mask = torch.zeros(len(chemistry.RESIDUES), len(chemistry.ATOMS), dtype=torch.bool)
    mask[:, [chemistry.ATOM_INDEX[name] for name in backbone]] = True
    for residue, atoms in table.items():
        mask[chemistry.RESIDUE_INDEX[residue], [chemistry.ATOM_INDEX[name] for name in atoms]] = True
    mask[chemistry.RESIDUE_INDEX["PRO"], chemistry.N] = False
    return mask


def _atoms(structure: Structure, table: Bool[Tensor, "21 37"]) -> Int[Tensor, "a 2"]:
    """Residue and slot of the atoms that a table names."""
    return (structure.present & table[structure.residues]).nonzero()


def _sharp(structure: Structure, at: Int[Tensor, "b 2"], to: Int[Tensor, "b 2"]) -> Bool[Tensor, "b"]:
    """Whether the line from an atom to another is at less than 90 degrees to one of the atoms that it is bonded to."""
    bonded = _bonded()[structure.residues[at[:, 0]], at[:, 1]] & structure.present[at[:, 0]]
    points = structure.positions.double()
    line = points[to[:, 0], to[:, 1]] - points[at[:, 0], at[:, 1]]
    arms = points[at[:, 0]] - points[at[:, 0], at[:, 1]][:, None]
    return ((arms * line[:, None]).sum(-1).gt(0) & bonded).any(1)


@cache
def _bonded() -> Bool[Tensor, "21 37 37"]:
    """Which atoms of each residue type are bonded to each other."""
    mask = torch.zeros(len(chemistry.RESIDUES), len(chemistry.ATOMS), len(chemistry.ATOMS), dtype=torch.bool)
    for name, bonds in chemistry.BONDS.items():
        for a, b in bonds:
            i, j = chemistry.ATOM_INDEX[a], chemistry.ATOM_INDEX[b]
            mask[chemistry.RESIDUE_INDEX[name], [i, j], [j, i]] = True
    return mask
