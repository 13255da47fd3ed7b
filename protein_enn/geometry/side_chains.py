"""Side chains from chi angles, and side chains turned to other chi angles: differentiable, batched over residues.

Compact layout (`geometry.atom14`): atoms 0 to 3 are N, CA, C, O, the side chain follows. Lengths Å, angles radians;
chi angles as in `chemistry.CHI_ATOMS`. Ideal bonds, angles and branches come from `side_chain_table`. All that is
built is an L-amino acid, also on the mirror image of a backbone.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.dihedrals import dihedral
from protein_enn.geometry.rotations import rotations_about
from protein_enn.geometry.side_chain_topology import FIRST, topology

_SHORTEST = 1e-6
"""Å; vectors are not divided by less, so that gradients stay finite where atoms coincide."""


def build_side_chains(
    compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], chi: Float[Tensor, "n 4"]
) -> Float[Tensor, "n 14 3"]:
    """The same backbones with ideal side chains at the given chi; atoms that a residue lacks are at the origin.

    chi of a residue without that angle is not looked at (nan will do). ValueError where one that is needed is not
    finite. The ring of proline closes only where chi1 and chi2 belong together.
    """
    backbone = torch.zeros(compact.shape[:2], dtype=torch.bool, device=compact.device)
    backbone[:, :FIRST] = True
    return complete_side_chains(compact, backbone, residues, chi)


def complete_side_chains(
    compact: Float[Tensor, "n 14 3"],
    mask: Bool[Tensor, "n 14"],
    residues: Int[Tensor, "n"],
    chi: Float[Tensor, "n 4"],
) -> Float[Tensor, "n 14 3"]:
    """Adds the side-chain atoms that `mask` lacks, each in ideal geometry behind the atoms before it; the others stay.

    N, CA and C of every residue are taken to be there. chi turns only atoms that are added: `known_chi` says what the
    others have.
    """
    table = topology(compact.device)
    needed = table.has_chi[residues]
    if bad := (needed & ~torch.isfinite(chi)).any(1).nonzero()[:, 0].tolist():
        raise ValueError(f"chi of residue {bad[0]} (of {len(residues)}) is not finite: give every chi that it has")
    local = _in_frames(residues, torch.where(needed, chi, 0.0))
    after, level = table.after[residues], table.level[residues]
    added = (level >= 0) & ~mask[:, FIRST:]
    after = after + chemistry.COMPACT_WIDTH * torch.arange(len(compact), device=compact.device)[:, None, None]
    x = torch.where(mask[..., None], compact, 0.0)
    x = torch.where((added & (level == 0))[:, :1, None] & table.is_beta[:, None], _beta(compact, residues)[:, None], x)
    for step, columns in enumerate(table.columns, 1):
        a, b, c = x.flatten(0, 1).index_select(0, after[:, columns].flatten()).view(-1, len(columns), 3, 3).unbind(2)
        forward = _unit(c - b)
        side = _unit(_across(a - b, forward))
        ahead, aside, up = local[:, columns].split(1, -1)
        placed = c + ahead * forward + aside * side + up * torch.linalg.cross(forward, side)
        chosen = (added & (level == step))[:, columns, None]
        x = x.index_copy(1, columns + FIRST, torch.where(chosen, placed, x[:, columns + FIRST]))
    return x


def _in_frames(residues: Int[Tensor, "n"], chi: Float[Tensor, "n 4"]) -> Float[Tensor, "n 10 3"]:
    """Each atom seen from c, along b -> c, across it towards a, and up."""
    table = topology(chi.device)
    turn, ahead, across = table.placing[residues].to(chi.dtype).unbind(-1)
    turn = turn + torch.cat([torch.zeros_like(chi[:, :1]), chi], 1).gather(1, table.chi[residues])
    return torch.stack([ahead, across * turn.cos(), across * turn.sin()], -1)


def rotate_chi(
    compact: Float[Tensor, "n 14 3"],
    residues: Int[Tensor, "n"],
    by: Float[Tensor, "n 4"],
    mask: Bool[Tensor, "n 14"] | None = None,
) -> Float[Tensor, "n 14 3"]:
    """Side chains whose chi angles grow by `by`; bonds and angles stay as they are. nan and what does not exist: 0.

    All that lies beyond an axis turns with it: M1 M2 M3 M4 x, with M_k the turn about the axis of chi_k where it was
    before. Proline's ring is left alone. With `mask`, angles with a missing atom are not turned and absent atoms stay
    at the origin; without it all atoms are taken to be there.
    """
    table = topology(compact.device)
    kinds = table.chi_atoms[residues]
    turned = table.turns[residues] & ~by.isnan()
    if mask is not None:
        turned = turned & mask.gather(1, kinds.flatten(1)).view(kinds.shape).all(-1)
    angle = torch.where(turned, by, 0.0)
    center = compact[:, 1:2]
    x = compact - center  # near the origin, where float32 has digits to spare
    rows = torch.arange(len(x), device=x.device)[:, None]
    axis = kinds[..., 1:3] + chemistry.COMPACT_WIDTH * rows[..., None]
    start, pivot = x.flatten(0, 1).index_select(0, axis.flatten()).view(-1, 4, 2, 3).unbind(2)  # (n, 4, 3)
    rotation = rotations_about(_unit(pivot - start), angle)
    shift = pivot - (rotation @ pivot[..., None])[..., 0]
    body, go = [rotation[:, 0]], [shift[:, 0]]
    for k in range(1, 4):
        go.append((body[-1] @ shift[:, k, :, None])[..., 0] + go[-1])
        body.append(body[-1] @ rotation[:, k])
    group = table.group[residues]
    index = (group - 1).clamp_min(0)
    side = x[:, FIRST:]
    moved = (torch.stack(body, 1)[rows, index] @ side[..., None])[..., 0] + torch.stack(go, 1)[rows, index]
    stays = (group == 0) if mask is None else (group == 0) | ~mask[:, FIRST:]
    return torch.cat([compact[:, :FIRST], torch.where(stays[..., None], compact[:, FIRST:], moved + center)], 1)


def set_chi(
    compact: Float[Tensor, "n 14 3"],
    residues: Int[Tensor, "n"],
    to: Float[Tensor, "n 4"],
    mask: Bool[Tensor, "n 14"] | None = None,
) -> Float[Tensor, "n 14 3"]:
    """Side chains turned to these chi angles; where `to` is nan they stay. As `rotate_chi` otherwise."""
    return rotate_chi(compact, residues, to - compact_chi(compact, residues, mask), mask)


def compact_chi(
    compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], mask: Bool[Tensor, "n 14"] | None = None
) -> Float[Tensor, "n 4"]:
    """chi1 to chi4 as `dihedrals.chi_angles` gives them, nan where there is none; its gradient is finite."""
    table = topology(compact.device)
    atoms, known = table.chi_atoms[residues], table.has_chi[residues]
    if mask is not None:
        known = known & mask.gather(1, atoms.flatten(1)).view(atoms.shape).all(-1)
    return _dihedrals(compact, atoms, known)


def known_chi(
    compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], mask: Bool[Tensor, "n 14"]
) -> Float[Tensor, "n 4"]:
    """chi angles as far as any atom that is there tells them: CG2 of a valine without CG1 does. nan where none does.

    An atom that turns with chi_k is as far around its axis as the ideal one, so the first of those there gives chi_k.
    """
    table = topology(compact.device)
    atoms = table.chi_atoms[residues]  # (n, 4, 4)
    teller = table.tells[residues] & mask[:, None, FIRST:]  # (n, 4, 10)
    teller &= mask.gather(1, atoms[..., :3].flatten(1)).view(*atoms.shape[:2], 3).all(-1)[..., None]
    known, first = teller.any(-1), teller.long().argmax(-1)
    points = torch.cat([atoms[..., :3], first[..., None] + FIRST], -1)
    chi = _dihedrals(compact, points, known) - table.around[residues].to(compact.dtype).gather(1, first)
    return torch.remainder(chi + torch.pi, 2 * torch.pi) - torch.pi


def _dihedrals(compact: Tensor, atoms: Int[Tensor, "n 4 4"], known: Bool[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    every = torch.arange(len(compact), device=compact.device)[:, None, None]
    bent = compact.new_tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 1, 1]])  # where nothing is known: no nan gradient
    points = torch.where(known[..., None, None], compact[every, atoms], bent)
    return torch.where(known, dihedral(*points.unbind(-2)), torch.nan)


def _beta(compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"]) -> Float[Tensor, "n 3"]:
    """CB in the frame of the bisector of N-CA-C, so that an unusual angle there is shared between both sides."""
    n, ca, c = compact[:, :3].unbind(1)
    to_n, to_c = _unit(n - ca), _unit(c - ca)
    middle, normal = _unit(to_n + to_c), _unit(torch.linalg.cross(to_n, to_c))
    x, y, z = topology(compact.device).beta[residues].to(compact.dtype).split(1, -1)
    return ca + x * middle + y * torch.linalg.cross(normal, middle) + z * normal


def _unit(vectors: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    return vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(_SHORTEST)


def _across(vectors: Float[Tensor, "*n 3"], unit: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """What is left of vectors across a unit vector."""
    return vectors - (vectors * unit).sum(-1, keepdim=True) * unit
