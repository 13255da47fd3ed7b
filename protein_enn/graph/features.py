"""Backbone features of residues: presence, bonds, dihedrals, atoms as vectors; and types of residue pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.frames import unit

MAX_OFFSET = 32
CA_STEP = 3.8
"""Å between the CA of residues joined by a trans peptide bond."""
EDGE_TYPES = 2 * MAX_OFFSET + 2
"""Offsets in sequence from -32 to 32 (clipped), then: another chain."""
N, CA, C, O = range(4)  # noqa: E741 - columns of atom14


@dataclass(frozen=True, eq=False)
class Backbone:
    """Features of n residues, sorted by how they transform under rotations and reflections."""

    scalars: Float[Tensor, "n 8"]  # presence of N, C, O; bonded before, after; cos phi, psi, omega
    pseudoscalars: Float[Tensor, "n 3"]  # sin phi, psi, omega
    vectors: Float[Tensor, "n 5 3"]  # N, C, O, next CA, previous CA from CA, Å
    junctions: Float[Tensor, "n 2 3"]  # N of the next residue, C of the previous one from CA, Å


def bonded_to_next(
    atom14: Float[Tensor, "n a 3"], mask: Bool[Tensor, "n a"], chains: Int[Tensor, "n"]
) -> Bool[Tensor, "n"]:
    """Whether residue i is bonded to i + 1: same chain and C-N within `chemistry.PEPTIDE_BREAK`.

    Where C or N is missing, CA-CA below 4.5 Å counts instead.

    Parameters
    ----------
    atom14
        Atoms in atom14 or its first four, Å.
    mask
        Which atoms are present.
    chains
        The chain of each residue.

    Returns
    -------
    Bool[Tensor, "n"]
        False for the last residue.
    """
    bonded = torch.zeros(len(atom14), dtype=torch.bool, device=atom14.device)
    c, n = atom14[:-1, C], atom14[1:, N]
    peptide = (c - n).norm(dim=-1) < chemistry.PEPTIDE_BREAK
    both = mask[:-1, C] & mask[1:, N]
    near = (atom14[:-1, CA] - atom14[1:, CA]).norm(dim=-1) < 4.5
    bonded[:-1] = (chains[:-1] == chains[1:]) & torch.where(both, peptide, near)
    return bonded


def rings(closures: Int[Tensor, "c 2"], chains: Int[Tensor, "n"], bonded: Bool[Tensor, "n"]) -> Int[Tensor, "r 2"]:
    """The peptide bonds that close a chain: both residues are free ends of one chain.

    Parameters
    ----------
    closures
        Peptide bonds from C of the first residue to N of the second.
    chains
        The chain of each residue.
    bonded
        Whether residues i and i + 1 are bonded.

    Returns
    -------
    Int[Tensor, "r 2"]
        The last and the first residue of each ring.
    """
    tail, head = closures.T
    free = ~bonded[tail] & ((head == 0) | ~bonded[head - 1])
    return closures[free & (tail > head) & (chains[tail] == chains[head])]


def backbone_features(
    atom14: Float[Tensor, "n a 3"],
    mask: Bool[Tensor, "n a"],
    bonded: Bool[Tensor, "n"],
    closures: Int[Tensor, "r 2"] | None = None,
) -> Backbone:
    """Features of the backbone. Those of a missing atom are zero.

    Parameters
    ----------
    atom14
        Atoms in atom14 or its first four, Å.
    mask
        Which atoms are present.
    bonded
        Whether residues i and i + 1 are bonded.
    closures
        The last and the first residue of each ring.

    Returns
    -------
    Backbone
        The features.
    """
    n = len(atom14)
    row = torch.arange(n, device=atom14.device)
    following, preceding = (row + 1).clamp_(max=n - 1), (row - 1).clamp_(min=0)
    after, before = bonded, torch.cat([bonded.new_zeros(1), bonded[:-1]])
    if closures is not None:
        tail, head = closures.T
        after = after.index_fill(0, tail, True)
        before[head] = True
        following[tail], preceding[head] = head, tail
    backbone = atom14[:, :4]
    has_n, has_c, has_o = mask[:, N], mask[:, C], mask[:, O]
    n_atom, ca, c_atom, o_atom = backbone.unbind(1)
    last = backbone.index_select(0, preceding)
    # C of the preceding residue, N, CA, C, then N and CA of the following one: a path with the three dihedrals
    path = torch.cat([last[:, C, None], backbone[:, :3], backbone.index_select(0, following)[:, :2]], 1)
    vectors = torch.cat(
        [
            (torch.stack([n_atom, c_atom, o_atom], 1) - ca[:, None]) * torch.stack([has_n, has_c, has_o], 1)[..., None],
            ((path[:, 5] - ca) * after[:, None])[:, None],
            ((last[:, CA] - ca) * before[:, None])[:, None],
        ],
        1,
    )
    next_n = after & has_n.index_select(0, following)
    previous_c = before & has_c.index_select(0, preceding)
    junctions = torch.stack([path[:, 4] - ca, path[:, 0] - ca], 1)
    junctions = junctions * torch.stack([next_n, previous_c], 1)[..., None]
    has_both = has_n & has_c
    defined = torch.stack([has_both & previous_c, has_both & next_n, has_c & next_n], 1)
    cos, sin = _cos_sin(path.diff(dim=1))
    presence = torch.stack([has_n, has_c, has_o, before, after], 1).to(atom14.dtype)
    return Backbone(torch.cat([presence, cos * defined], 1), sin * defined, vectors, junctions)


def sequence_index(ca: Float[Tensor, "n 3"], bonded: Bool[Tensor, "n"]) -> Int[Tensor, "n"]:
    """Positions along the chain: 1 per bonded residue; over a gap as many as it takes to span it, 2 at least.

    Residue numbers are not looked at: the same coordinates give the same index in any numbering.

    Parameters
    ----------
    ca
        CA of each residue, Å.
    bonded
        Whether residues i and i + 1 are bonded.

    Examples
    --------
    >>> ca = torch.tensor([0.0, 3.8, 20.0, 23.8])[:, None] * torch.tensor([1.0, 0.0, 0.0])
    >>> sequence_index(ca, torch.tensor([True, False, True, False])).tolist()
    [0, 1, 6, 7]
    """
    span = torch.linalg.vector_norm(ca[1:] - ca[:-1], dim=-1) / CA_STEP
    jump = span.ceil().long().clamp(2, MAX_OFFSET + 1)
    step = torch.where(bonded[:-1], torch.ones_like(jump), jump)
    return torch.cat([step.new_zeros(1), step.cumsum(0)])


def pair_types(
    index: Int[Tensor, "n"],
    chains: Int[Tensor, "n"],
    neighbors: Int[Tensor, "n k"],
    closures: Int[Tensor, "r 2"] | None = None,
) -> Int[Tensor, "n k"]:
    """Offset j - i in sequence, clipped to 32 and shifted to start at 0; the last type is another chain.

    In a ring the shorter of the two directions counts; of two equal ones the backward one.

    Parameters
    ----------
    index
        Positions along the chain.
    chains
        The chain of each residue.
    neighbors
        Index of the neighbors of each residue.
    closures
        The last and the first residue of each ring.

    Returns
    -------
    Int[Tensor, "n k"]
        Types, below `EDGE_TYPES`.
    """
    offset = index[neighbors] - index[:, None]
    if closures is not None:
        ring, length = torch.full_like(index, -1), torch.ones_like(index)
        for number, (tail, head) in enumerate(closures.tolist()):
            ring[head : tail + 1], length[head : tail + 1] = number, index[tail] - index[head] + 1
        half = length[:, None] // 2
        same = (ring[neighbors] == ring[:, None]) & (ring[:, None] >= 0)
        offset = torch.where(same, (offset + half) % length[:, None] - half, offset)
    offset = offset.clamp_(-MAX_OFFSET, MAX_OFFSET).add_(MAX_OFFSET)
    return torch.where(chains[neighbors] == chains[:, None], offset, EDGE_TYPES - 1)


def _cos_sin(steps: Float[Tensor, "n 5 3"]) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """Cosine and sine of the three dihedrals along a path of five steps; finite where atoms coincide."""
    axis = unit(steps[:, 1:4])
    sides = torch.stack([-steps[:, :3], steps[:, 2:]], 1)
    across = unit(sides - (sides * axis[:, None]).sum(-1, keepdim=True) * axis[:, None])
    u, v = across.unbind(1)
    return (u * v).sum(-1), (torch.linalg.cross(axis, u) * v).sum(-1)
