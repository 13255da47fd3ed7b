"""Which residues a peptide bond joins, and which bonds are cis, also where noise has stretched and twisted them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds.residues import closures
from protein_enn.chemistry import CA, C, N, O
from protein_enn.geometry.dihedrals import dihedral
from protein_enn.structure import Structure

SLOTS = len(chemistry.ATOMS)
ACROSS = ((CA, CA, 3.80), (CA, N, 2.43), (C, N, 1.33), (C, CA, 2.43), (O, N, 2.25), (O, CA, 2.78))
"""Atom of residue i, atom of i + 1, and their distance (Å) across a trans peptide bond, from Engh & Huber (2001)."""
STRETCHED = 3.0, 4.6
"""Å from C to N and from CA to CA: nearer than both, residues have no room for another one between them."""
CIS_DISTANCE = 3.4
"""Å between CAs, midway between a cis (2.9) and a trans (3.8) peptide."""
CIS_OMEGA = 0.5
"""Radians."""
CLEAR = 0.1
"""Å: root mean square error of the distances of a residue, by which noise no cis peptide is made."""


def peptides(structure: Structure, noise: Float[Tensor, "n"]) -> Int[Tensor, "p 2"]:
    """Residues that give C and N of each peptide bond, also where noise has stretched the bond.

    Residues that follow each other in a chain are bonded if C and N are near, if no residue has room between them, or
    if distances across the bond differ from ideal ones by little more than those inside the two residues do. Numbers
    are not looked at.
    """
    x, present = structure.positions, structure.present
    row = torch.arange(max(len(structure) - 1, 0))
    deviations, known = [], []
    for a, b, length in ACROSS:
        known.append(present[row, a] & present[row + 1, b])
        deviations.append(((x[row, a] - x[row + 1, b]).norm(dim=-1) - length).square() * known[-1])
    error = (torch.stack(deviations).sum(0) / torch.stack(known).sum(0).clamp_min(1)).sqrt()
    gap = (x[row, C] - x[row + 1, N]).norm(dim=-1)
    near = (error < 2 * noise[:-1] + 0.5) & (gap < chemistry.PEPTIDE_BREAK + 4 * noise[:-1])
    near |= (
        (gap < STRETCHED[0])
        & present[row, CA]
        & present[row + 1, CA]
        & ((x[row, CA] - x[row + 1, CA]).norm(dim=-1) < STRETCHED[1])
    )
    there = present[row, C] & present[row + 1, N] & (structure.chains[1:] == structure.chains[:-1])
    tail = row[there & (near | (gap < chemistry.PEPTIDE_BREAK))]
    return torch.cat([torch.stack([tail, tail + 1], 1), closures(structure)])


def noise(structure: Structure, x: Tensor, inside: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, "n"]:
    """Å: root mean square error of the distances within residues i and i + 1."""
    n = len(structure)
    pairs, lengths, sigmas = inside
    there = structure.present.reshape(-1)[pairs].all(1) & sigmas.isfinite()
    pairs, lengths = pairs[there], lengths[there]
    error = ((x[pairs[:, 0]] - x[pairs[:, 1]]).norm(dim=-1) - lengths).square()
    row = pairs[:, 0] // SLOTS
    total = error.new_zeros(n).index_add_(0, row, error)
    count = error.new_zeros(n).index_add_(0, row, torch.ones_like(error))
    total[:-1] += total[1:].clone()
    count[:-1] += count[1:].clone()
    return (total / count.clamp_min(1)).sqrt()


def is_cis(structure: Structure, peptides: Int[Tensor, "p 2"], noise: Float[Tensor, "n"]) -> Bool[Tensor, "p"]:
    """Which peptide bonds are cis: two CAs are closer than in any trans peptide.

    Before anything but proline cis is as rare as 1 in 2,000: it is believed only of a planar peptide without noise.
    """
    x, present = structure.positions, structure.present
    tail, head = peptides.T
    omega = dihedral(x[tail, CA], x[tail, C], x[head, N], x[head, CA])
    close = (x[head, CA] - x[tail, CA]).norm(dim=-1) < CIS_DISTANCE
    clear = (omega.abs() < CIS_OMEGA) & (noise[tail] < CLEAR)
    proline = structure.residues[head] == chemistry.RESIDUE_INDEX["PRO"]
    return close & present[tail, CA] & present[head, CA] & (proline | clear)
