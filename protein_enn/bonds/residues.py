"""Bonds between residues of a protein: peptide bonds by geometry and order, and the links of the structure."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds.atoms import COVALENT_RADII
from protein_enn.bonds.near import near_pairs
from protein_enn.chemistry import C, N
from protein_enn.geometry.dihedrals import backbone_dihedrals, peptide_bonded
from protein_enn.structure import LINKS, Structure

SG = chemistry.ATOM_INDEX["SG"]
DISULFIDE = 2.5
"""Å: two SG of cysteines nearer than this are bonded, also where nothing declares it."""


@dataclass(frozen=True, eq=False)
class ResidueBonds:
    """b bonds between atoms of different protein residues, each once."""

    residues: Int[Tensor, "b 2"]
    atoms: Int[Tensor, "b 2"]  # slots in `chemistry.ATOMS`

    def __len__(self) -> int:
        return len(self.residues)

    @property
    def peptide(self) -> Bool[Tensor, "b"]:
        """Which of them are peptide bonds, from C to N of the backbone."""
        return (self.atoms == torch.tensor([C, N])).all(1)

    def lengths(self, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "b"]:
        """Length of each bond in a structure, Å."""
        first, second = (positions[self.residues[:, end], self.atoms[:, end]] for end in (0, 1))
        return torch.linalg.vector_norm(first - second, dim=-1)

    def ideal_lengths(self) -> Float[Tensor, "b"]:
        """What each bond should be: that of peptide bonds, else the sum of the covalent radii, Å."""
        radii = torch.tensor([COVALENT_RADII[chemistry.element(atom)] for atom in chemistry.ATOMS])
        return torch.where(self.peptide, chemistry.PEPTIDE_BOND, radii[self.atoms].sum(1))


def peptide_bonds(structure: Structure) -> Int[Tensor, "b 2"]:
    """Peptide bonds: along each chain, and those that links declare, such as the closure of a ring; each once.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Int[Tensor, "b 2"]
        The residue that gives the C and the residue that gives the N.

    Examples
    --------
    >>> from protein_enn.testing import random_structure
    >>> peptide_bonds(random_structure((3, 2))).tolist()
    [[0, 1], [1, 2], [3, 4]]
    """
    along = peptide_bonded(structure.positions, structure.present, structure.chains).nonzero()[:, 0]
    return torch.unique(torch.cat([torch.stack([along, along + 1], 1), closures(structure)]), dim=0)


def closures(structure: Structure) -> Int[Tensor, "r 2"]:
    """Peptide bonds between residues that do not follow each other: C of the first, N of the second."""
    pairs = structure.links.of_kind("peptide").residues if len(structure.links) else torch.zeros(0, 2).long()
    return pairs[(pairs >= 0).all(1)]


def residue_bonds(structure: Structure) -> ResidueBonds:
    """All bonds between protein residues: peptide bonds, disulfides, and links such as lactams and thioethers.

    A link holds at any distance; metals bond no two residues. Two SG of cysteines nearer than `DISULFIDE` are bonded.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    ResidueBonds
        Peptide bonds first.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> bonds = residue_bonds(read_structure("examples/1bhl.pdb"))
    >>> len(bonds), int(bonds.peptide.sum())
    (133, 133)
    """
    peptides = peptide_bonds(structure)
    links = structure.links
    inside = (links.residues >= 0).all(1) & (links.kinds != LINKS.index("peptide"))
    inside &= links.kinds != LINKS.index("metal")
    sulfurs = _sulfur_pairs(structure)
    residues = torch.cat([links.residues[inside], sulfurs])
    atoms = torch.cat([links.atoms[inside], torch.full_like(sulfurs, SG)])
    order = residues.argsort(dim=1)  # a part taken in another order has links from the later residue to the earlier
    bonds = torch.unique(torch.cat([residues.gather(1, order), atoms.gather(1, order)], 1), dim=0)
    slots = torch.tensor([[C, N]]).expand(len(peptides), 2)
    return ResidueBonds(torch.cat([peptides, bonds[:, :2]]), torch.cat([slots, bonds[:, 2:]]))


def _sulfur_pairs(structure: Structure) -> Int[Tensor, "s 2"]:
    """Cysteines whose SG are near each other, the first residue first."""
    rows = ((structure.residues == chemistry.RESIDUE_INDEX["CYS"]) & structure.present[:, SG]).nonzero()[:, 0]
    at = structure.positions[rows, SG].cpu().numpy()
    first, second, lengths = (torch.as_tensor(part.copy()) for part in near_pairs(at, at, DISULFIDE))
    once = (first < second) & (lengths < DISULFIDE)
    pairs = torch.stack([rows[first[once]], rows[second[once]]], 1)
    return pairs[(pairs[:, 0] * len(structure) + pairs[:, 1]).argsort()]


def bonded_residues(structure: Structure, mask: Bool[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Residues that share a bond with one in the mask."""
    first, second = residue_bonds(structure).residues.T
    result = torch.zeros_like(mask)
    result[second[mask[first]]] = True
    result[first[mask[second]]] = True
    return result


def bound_to_hetero(structure: Structure) -> Bool[Tensor, "n"]:
    """Residues with a link to what is not protein: a ligand, a glycan, a cap, a nucleic acid, a metal."""
    links = structure.links
    ends = links.residues[(links.residues < 0).any(1)].amax(1)
    result = torch.zeros(len(structure), dtype=torch.bool)
    result[ends[ends >= 0]] = True
    return result


def linked_side_chains(structure: Structure) -> Bool[Tensor, "n"]:
    """Residues whose side chain has a bond that another amino acid would lose.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Bool[Tensor, "n"]
        Those in a disulfide, lactam, thioether or other link, with a glycan or another ligand, or that bind a metal.
    """
    bonds, links = residue_bonds(structure), structure.links
    residues = torch.cat([bonds.residues.reshape(-1), links.residues.reshape(-1)])
    atoms = torch.cat([bonds.atoms.reshape(-1), links.atoms.reshape(-1)])
    backbone = torch.isin(atoms, torch.tensor([*chemistry.BACKBONE, chemistry.OXT]))
    result = torch.zeros(len(structure), dtype=torch.bool)
    result[residues[(residues >= 0) & ~backbone]] = True
    return result


def adjacent_residues(structure: Structure) -> tuple[Int[Tensor, "n"], Int[Tensor, "n"]]:
    """The residue whose C is bonded to N of each residue, and the one whose N is bonded to its C; -1 where none is."""
    before = torch.full((len(structure),), -1)
    after = before.clone()
    tail, head = peptide_bonds(structure).T
    before[head], after[tail] = tail, head
    return before, after


def backbone_torsions(structure: Structure) -> Float[Tensor, "n 3"]:
    """phi, psi and omega (of the peptide bond before) of each residue, radians; nan where they are not defined."""
    return backbone_dihedrals(structure.positions, structure.present, structure.chains, closures(structure))
