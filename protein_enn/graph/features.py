"""Backbone features of residues: presence, bonds, dihedrals, atoms as vectors; and types of residue pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.frames import unit

MAX_OFFSET = 32
EDGE_TYPES = 2 * MAX_OFFSET + 2
"""Offsets in sequence from -32 to 32 (clipped), then: another chain."""
N, CA, C, O = range(4)  # noqa: E741 - places in the compact layout


@dataclass(frozen=True, eq=False)
class Backbone:
    """Features of n residues, by how they turn."""

    scalars: Float[Tensor, "n 8"]  # presence of N, C, O; bonded before, after; cos phi, psi, omega
    pseudoscalars: Float[Tensor, "n 3"]  # sin phi, psi, omega
    vectors: Float[Tensor, "n 5 3"]  # N, C, O, next CA, previous CA from CA, Å


def bonded_to_next(
    compact: Float[Tensor, "n 14 3"], mask: Bool[Tensor, "n 14"], chains: Int[Tensor, "n"]
) -> Bool[Tensor, "n"]:
    """Whether residue i is bonded to i + 1: same chain and C-N within `chemistry.PEPTIDE_BREAK`.

    Where C or N is missing, CA-CA below 4.5 Å counts instead.
    """
    bonded = torch.zeros(len(compact), dtype=torch.bool, device=compact.device)
    c, n = compact[:-1, C], compact[1:, N]
    peptide = (c - n).norm(dim=-1) < chemistry.PEPTIDE_BREAK
    both = mask[:-1, C] & mask[1:, N]
    near = (compact[:-1, CA] - compact[1:, CA]).norm(dim=-1) < 4.5
    bonded[:-1] = (chains[:-1] == chains[1:]) & torch.where(both, peptide, near)
    return bonded


def backbone_features(
    compact: Float[Tensor, "n 14 3"], mask: Bool[Tensor, "n 14"], bonded: Bool[Tensor, "n"]
) -> Backbone:
    """Features of the backbone; `bonded[i]` says whether i and i + 1 are joined. A missing atom gives zeros."""
    ca = compact[:, CA]
    after, before = bonded, torch.cat([bonded.new_zeros(1), bonded[:-1]])
    following = torch.cat([compact[1:], compact[-1:]])
    preceding = torch.cat([compact[:1], compact[:-1]])
    mask_following, mask_preceding = torch.cat([mask[1:], mask[-1:]]), torch.cat([mask[:1], mask[:-1]])
    atoms = compact[:, [N, C, O]] - ca[:, None]
    atoms = atoms * mask[:, [N, C, O], None]
    to_next = (following[:, CA] - ca) * after[:, None]
    to_previous = (preceding[:, CA] - ca) * before[:, None]
    vectors = torch.cat([atoms, to_next[:, None], to_previous[:, None]], 1)

    whole = mask[:, N] & mask[:, C]
    phi = _cos_sin(preceding[:, C], compact[:, N], ca, compact[:, C])
    psi = _cos_sin(compact[:, N], ca, compact[:, C], following[:, N])
    omega = _cos_sin(ca, compact[:, C], following[:, N], following[:, CA])
    defined = torch.stack(
        [
            whole & before & mask_preceding[:, C],
            whole & after & mask_following[:, N],
            mask[:, C] & after & mask_following[:, N],
        ],
        1,
    )
    angles = torch.stack([phi, psi, omega], 1) * defined[..., None]
    presence = torch.stack([mask[:, N], mask[:, C], mask[:, O], before, after], 1).to(compact.dtype)
    return Backbone(torch.cat([presence, angles[..., 0]], 1), angles[..., 1], vectors)


def sequence_index(chains: Int[Tensor, "n"], numbers: Int[Tensor, "n"], bonded: Bool[Tensor, "n"]) -> Int[Tensor, "n"]:
    """Places along the chain: bonded residues are neighbours whatever their numbers; a gap counts as they say."""
    jump = (numbers[1:] - numbers[:-1]).clamp(2, MAX_OFFSET + 1)
    step = torch.where(bonded[:-1], torch.ones_like(jump), jump)
    return torch.cat([step.new_zeros(1), step.cumsum(0)])


def pair_types(index: Int[Tensor, "n"], chains: Int[Tensor, "n"], neighbors: Int[Tensor, "n k"]) -> Int[Tensor, "n k"]:
    """Offset j - i in sequence, clipped to 32 and shifted to start at 0; the last type is another chain."""
    offset = (index[neighbors] - index[:, None]).clamp(-MAX_OFFSET, MAX_OFFSET) + MAX_OFFSET
    return torch.where(chains[neighbors] == chains[:, None], offset, EDGE_TYPES - 1)


def _cos_sin(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Cosine and sine of the dihedral a-b-c-d, (n, 2); finite where atoms coincide."""
    axis = unit(c - b)
    u = (a - b) - ((a - b) * axis).sum(-1, keepdim=True) * axis
    v = (d - c) - ((d - c) * axis).sum(-1, keepdim=True) * axis
    u, v = unit(u), unit(v)
    return torch.stack([(u * v).sum(-1), (torch.linalg.cross(axis, u) * v).sum(-1)], -1)
