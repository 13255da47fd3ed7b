"""Which residues are bonded, and which peptide bonds are cis, also where noise has torn and twisted them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import CA, C, N
from protein_enn.geometry.dihedrals import backbone_dihedrals
from protein_enn.structure import Structure

SLOTS = len(chemistry.ATOMS)
CIS_DISTANCE = 3.4
"""Å between CAs, midway between a cis (2.9) and a trans (3.8) peptide."""
CIS_OMEGA = 0.5
"""Radians."""
CLEAR = 0.1
"""Å: root mean square error of the distances of a residue, by which noise no cis peptide is made."""


def joined(structure: Structure, noise: Float[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Whether i and i + 1 are bonded: as metrics say, and farther apart the more noise has torn their own bonds."""
    gap = (structure.positions[1:, N] - structure.positions[:-1, C]).norm(dim=-1)
    consecutive = structure.label_numbers[1:] == structure.label_numbers[:-1] + 1
    reach = chemistry.PEPTIDE_BREAK + 4 * noise[:-1] * consecutive
    there = structure.present[1:, N] & structure.present[:-1, C] & (structure.chains[1:] == structure.chains[:-1])
    result = torch.zeros(len(structure), dtype=torch.bool)
    result[:-1] = there & (gap < reach)
    return result


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


def is_cis(structure: Structure, joined: Bool[Tensor, "n"], noise: Float[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Whether the peptide bond after a residue is cis: two CAs are closer than in any trans peptide.

    Before anything but proline cis is as rare as 1 in 2,000: it is believed only of a planar peptide without noise.
    """
    x, there = structure.positions, structure.present[:, CA]
    result = torch.zeros_like(joined)
    close = (x[1:, CA] - x[:-1, CA]).norm(dim=-1) < CIS_DISTANCE
    omega = backbone_dihedrals(x, structure.present, structure.chains)[1:, 2]
    clear = (omega.abs() < CIS_OMEGA) & (noise[:-1] < CLEAR)
    proline = structure.residues[1:] == chemistry.RESIDUE_INDEX["PRO"]
    result[:-1] = joined[:-1] & close & there[1:] & there[:-1] & (proline | clear)
    return result
