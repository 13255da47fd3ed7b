"""Sound covalent geometry as a list of terms: the distances, planes, chirality and peptide torsions to have.

Bonds and angles are distances between atoms one and two bonds apart. Where a residue's own distances are all sound in
the input they are what is to be kept, else the ideal ones (Engh & Huber 2001). Atoms are rows of
positions.reshape(n * 37, 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import ResidueBonds, residue_bonds
from protein_enn.chemistry import ATOM_INDEX, CA, C, N, O
from protein_enn.chemistry import ideal_geometry as ideal
from protein_enn.refinement.idealize.links import across_links, across_peptides
from protein_enn.refinement.idealize.peptides import SLOTS, is_cis, noise, peptides
from protein_enn.refinement.idealize.templates import residue_template
from protein_enn.structure import Structure

SOUND = 4.0
"""Standard deviations; a residue with a distance farther than this from ideal is pulled to ideal geometry."""


@dataclass(frozen=True, eq=False)
class Distances:
    """p pairs of atoms, and the distance and its standard deviation (Å) of each."""

    pairs: Int[Tensor, "p 2"]
    lengths: Float[Tensor, "p"]
    sigmas: Float[Tensor, "p"]


@dataclass(frozen=True, eq=False)
class Quadruples:
    """q terms of four atoms a, b, c, d with a target that holds within a tolerance, and a standard deviation.

    Of volumes, (b - a) x (c - a) . (d - a), Å^3; of torsions, their angle, radians.
    """

    atoms: Int[Tensor, "q 4"]
    targets: Float[Tensor, "q"]
    tolerances: Float[Tensor, "q"]
    sigmas: Float[Tensor, "q"]


@dataclass(frozen=True, eq=False)
class Covalent:
    distances: Distances
    volumes: Quadruples
    torsions: Quadruples
    peptides: Int[Tensor, "k 2"]  # residues that give C and N, also where noise has stretched the bond
    sound: Bool[Tensor, "n"]
    bonds: Int[Tensor, "b 2"]


def covalent(structure: Structure) -> Covalent:
    """Every term of the atoms that are there."""
    x = structure.positions.reshape(-1, 3).double()
    present = structure.present.reshape(-1)
    inside, bonds = _inside(structure)
    blur = noise(structure, x, inside)
    joined = peptides(structure, blur)
    cis = is_cis(structure, joined, blur)
    links = residue_bonds(structure)
    links = ResidueBonds(links.residues[~links.peptide], links.atoms[~links.peptide])
    parts = [inside, *across_peptides(structure, joined, cis), across_links(structure, links)]
    pairs, lengths, sigmas = (torch.cat(part) for part in zip(*parts, strict=True))
    there = present[pairs].all(1)
    pairs, lengths, sigmas = pairs[there], lengths[there], sigmas[there]
    found = (x[pairs[:, 0]] - x[pairs[:, 1]]).norm(dim=-1)
    bad = (found - lengths).abs() > SOUND * sigmas
    sound = torch.ones(len(structure), dtype=torch.bool)
    sound[pairs[bad].reshape(-1) // SLOTS] = False
    # A distance the tables do not know (infinite sigma) is kept.
    keep = sound[pairs // SLOTS].all(1) | sigmas.isinf()
    lengths = torch.where(keep, found, lengths)
    sigmas = torch.where(sigmas.isinf(), 0.02, sigmas)
    bonds = torch.cat((bonds, SLOTS * joined + torch.tensor([C, N]), SLOTS * links.residues + links.atoms))
    return Covalent(
        Distances(pairs, lengths, sigmas),
        _volumes(structure, x, joined, sound),
        _omegas(structure, joined, cis),
        joined,
        sound,
        bonds[present[bonds].all(1)],
    )


def chain_bonds(structure: Structure) -> Int[Tensor, "k 2"]:
    """Peptide bonds, also those that noise has stretched: residues that give C and N."""
    inside, _ = _inside(structure)
    return peptides(structure, noise(structure, structure.positions.reshape(-1, 3).double(), inside))


def _inside(structure: Structure) -> tuple[tuple[Tensor, Tensor, Tensor], Int[Tensor, "b 2"]]:
    pairs, lengths, sigmas, bonds = [], [], [], []
    for kind, name in enumerate(chemistry.RESIDUES):
        rows = (structure.residues == kind).nonzero()[:, 0] * SLOTS
        if len(rows) == 0:
            continue
        slots, length, sigma, bonded = residue_template(name)
        pairs.append((rows[:, None, None] + slots).reshape(-1, 2))
        lengths.append(length.repeat(len(rows)))
        sigmas.append(sigma.repeat(len(rows)))
        bonds.append((rows[:, None, None] + bonded).reshape(-1, 2))
    return (torch.cat(pairs), torch.cat(lengths), torch.cat(sigmas)), torch.cat(bonds)


def _volumes(structure: Structure, x: Tensor, joined: Tensor, sound: Tensor) -> Quadruples:
    """Planes (volume 0) and chiral centers (volume positive)."""
    planes, chiral = [], []
    for kind, name in enumerate(chemistry.RESIDUES):
        rows = (structure.residues == kind).nonzero()[:, 0] * SLOTS
        flat, centers = _quadruples(name)
        planes.append((rows[:, None, None] + flat).reshape(-1, 4))
        chiral.append((rows[:, None, None] + centers).reshape(-1, 4))
    tail, head = (joined * SLOTS).T
    planes.append(torch.stack((tail + CA, tail + O, head + N, tail + C), -1))
    proline = structure.residues[joined[:, 1]] == chemistry.RESIDUE_INDEX["PRO"]
    tail, head = tail[proline], head[proline]
    planes.append(torch.stack((tail + C, head + CA, head + ATOM_INDEX["CD"], head + N), -1))
    flat, centers = torch.cat(planes), torch.cat(chiral)
    present = structure.present.reshape(-1)
    flat, centers = flat[present[flat].all(1)], centers[present[centers].all(1)]
    a, b, c, d = x[centers].unbind(1)
    wrong = (torch.linalg.cross(b - a, c - a) * (d - a)).sum(-1) < 0
    centers = centers[~(wrong & sound[centers[:, 0] // SLOTS] & ~_is_error(structure, centers))]
    a, b, c, _ = x[flat].unbind(1)
    height = 0.02 * torch.linalg.cross(b - a, c - a).norm(dim=-1).clamp(1.5, 6.0)
    return Quadruples(
        torch.cat((flat, centers)),
        torch.cat((torch.zeros(len(flat)), torch.full((len(centers),), 2.6))).double(),
        torch.cat((torch.zeros(len(flat)), torch.full((len(centers),), 0.6))).double(),
        torch.cat((height, torch.full((len(centers),), 0.15).double())),
    )


def _is_error(structure: Structure, centers: Tensor) -> Tensor:
    """Hands that metrics call an error when wrong; the others are but names, kept if the residue is sound."""
    kind = structure.residues[centers[:, 0] // SLOTS]
    named = (kind == chemistry.RESIDUE_INDEX["VAL"]) | (kind == chemistry.RESIDUE_INDEX["LEU"])
    return (centers[:, 0] % SLOTS == CA) | ~named


@cache
def _quadruples(name: str) -> tuple[Tensor, Tensor]:
    """Slots of the planes and of the chiral of a residue."""
    base, others = ideal.PLANES.get(name, (("CA", "O", "OXT"), ()))
    flat = [[*base, other] for other in others] + [["CA", "O", "OXT", "C"]]
    chiral = [list(hand) for hand in ideal.CHIRAL_CENTERS.get(name, ())]
    if name not in ("GLY", "UNK"):
        chiral.append(["CA", "N", "C", "CB"])
    slots = [
        torch.tensor([[ATOM_INDEX[a] for a in row] for row in rows]).long().reshape(-1, 4) for rows in (flat, chiral)
    ]
    return slots[0], slots[1]


def _omegas(structure: Structure, joined: Tensor, cis: Tensor) -> Quadruples:
    """Peptide torsions CA C N CA: 180 degrees, or 0 where cis; 12 degrees to either side are natural."""
    tail, head = (joined * SLOTS).T
    atoms = torch.stack((tail + CA, tail + C, head + N, head + CA), -1)
    there = structure.present.reshape(-1)[atoms].all(1)
    atoms, cis = atoms[there], cis[there]
    targets = torch.where(cis, 0.0, torch.pi).double()
    return Quadruples(atoms, targets, torch.full_like(targets, 0.21), torch.full_like(targets, 0.06))
