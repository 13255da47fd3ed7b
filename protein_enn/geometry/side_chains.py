"""Side chains from chi angles, and side chains rotated to other chi angles: differentiable, batched over residues.

Atoms are in atom14 (`geometry.atom14`): N, CA, C, O, then the side chain. Lengths are Å, angles radians, chi angles
those of `chemistry.CHI_ATOMS`. Ideal bonds, angles and branches come from `chemistry.side_chains`. The result is always
an L-amino acid, also on the mirror image of a backbone.
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
"""Å; vectors are divided by no less, so that gradients are finite where atoms coincide."""


def build_side_chains(
    atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], chi: Float[Tensor, "n 4"]
) -> Float[Tensor, "n 14 3"]:
    """The same backbones with ideal side chains.

    The ring of proline is closed only where chi1 and chi2 fit each other.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å. Only the backbone is used.
    residues
        Index into `chemistry.RESIDUES`.
    chi
        Radians. Angles that a residue does not have are ignored.

    Returns
    -------
    Float[Tensor, "n 14 3"]
        Atoms, Å; those that a residue does not have are at the origin.

    Raises
    ------
    ValueError
        A chi angle that a residue has is not finite.
    """
    backbone = torch.zeros(atom14.shape[:2], dtype=torch.bool, device=atom14.device)
    backbone[:, :FIRST] = True
    return complete_side_chains(atom14, backbone, residues, chi)


def complete_side_chains(
    atom14: Float[Tensor, "n 14 3"],
    mask: Bool[Tensor, "n 14"],
    residues: Int[Tensor, "n"],
    chi: Float[Tensor, "n 4"],
) -> Float[Tensor, "n 14 3"]:
    """Adds missing side-chain atoms in ideal geometry relative to the atoms before them; the others do not move.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å. N, CA and C of every residue must be present.
    mask
        Which atoms are present.
    residues
        Index into `chemistry.RESIDUES`.
    chi
        Radians, for the atoms that are added. `known_chi` gives those of the atoms that are present.

    Returns
    -------
    Float[Tensor, "n 14 3"]
        Atoms, Å; those that a residue does not have are at the origin.

    Raises
    ------
    ValueError
        A chi angle that a residue has is not finite.
    """
    table = topology(atom14.device)
    needed = table.has_chi[residues]
    if bad := (needed & ~torch.isfinite(chi)).any(1).nonzero()[:, 0].tolist():
        raise ValueError(f"chi of residue {bad[0]} (of {len(residues)}) is not finite: give every chi of the residue")
    local = _in_frames(residues, torch.where(needed, chi, 0.0))
    after, level = table.after[residues], table.level[residues]
    added = (level >= 0) & ~mask[:, FIRST:]
    after = after + chemistry.ATOM14_WIDTH * torch.arange(len(atom14), device=atom14.device)[:, None, None]
    x = torch.where(mask[..., None], atom14, 0.0)
    x = torch.where((added & (level == 0))[:, :1, None] & table.is_beta[:, None], _beta(atom14, residues)[:, None], x)
    for step, columns in enumerate(table.columns, 1):
        a, b, c = x.flatten(0, 1).index_select(0, after[:, columns].flatten()).view(-1, len(columns), 3, 3).unbind(2)
        forward = _unit(c - b)
        side = _unit(_across(a - b, forward))
        ahead, aside, up = local[:, columns].split(1, -1)
        new = c + ahead * forward + aside * side + up * torch.linalg.cross(forward, side)
        in_round = (added & (level == step))[:, columns, None]
        x = x.index_copy(1, columns + FIRST, torch.where(in_round, new, x[:, columns + FIRST]))
    return x


def _in_frames(residues: Int[Tensor, "n"], chi: Float[Tensor, "n 4"]) -> Float[Tensor, "n 10 3"]:
    """Each atom relative to c: along b -> c, across it toward a, and perpendicular to both."""
    table = topology(chi.device)
    torsion, ahead, across = table.placement[residues].to(chi.dtype).unbind(-1)
    torsion = torsion + torch.cat([torch.zeros_like(chi[:, :1]), chi], 1).gather(1, table.chi[residues])
    return torch.stack([ahead, across * torsion.cos(), across * torsion.sin()], -1)


def rotate_chi(
    atom14: Float[Tensor, "n 14 3"],
    residues: Int[Tensor, "n"],
    by: Float[Tensor, "n 4"],
    mask: Bool[Tensor, "n 14"] | None = None,
) -> Float[Tensor, "n 14 3"]:
    """Side chains whose chi angles are larger by `by`; bonds and angles do not change.

    All atoms beyond an axis rotate with it: M1 M2 M3 M4 x, with M_k the rotation about the axis of chi_k before any
    change. Rings of proline do not change.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å.
    residues
        Index into `chemistry.RESIDUES`.
    by
        Radians. nan, and angles that a residue does not have, count as 0.
    mask
        Which atoms are present, by default all. Angles with a missing atom do not change.

    Returns
    -------
    Float[Tensor, "n 14 3"]
        Atoms, Å; missing atoms stay at the origin.
    """
    table = topology(atom14.device)
    kinds = table.chi_atoms[residues]
    rotatable = table.rotatable[residues] & ~by.isnan()
    if mask is not None:
        rotatable = rotatable & mask.gather(1, kinds.flatten(1)).view(kinds.shape).all(-1)
    angle = torch.where(rotatable, by, 0.0)
    center = atom14[:, 1:2]
    x = atom14 - center  # near the origin, where float32 is more accurate
    rows = torch.arange(len(x), device=x.device)[:, None]
    axis = kinds[..., 1:3] + chemistry.ATOM14_WIDTH * rows[..., None]
    start, pivot = x.flatten(0, 1).index_select(0, axis.flatten()).view(-1, 4, 2, 3).unbind(2)  # (n, 4, 3)
    rotation = rotations_about(_unit(pivot - start), angle)
    shift = pivot - (rotation @ pivot[..., None])[..., 0]
    rotations, shifts = [rotation[:, 0]], [shift[:, 0]]
    for k in range(1, 4):
        shifts.append((rotations[-1] @ shift[:, k, :, None])[..., 0] + shifts[-1])
        rotations.append(rotations[-1] @ rotation[:, k])
    group = table.group[residues]
    index = (group - 1).clamp_min(0)
    side = x[:, FIRST:]
    rotation, shift = torch.stack(rotations, 1)[rows, index], torch.stack(shifts, 1)[rows, index]
    moved = (rotation @ side[..., None])[..., 0] + shift
    fixed = (group == 0) if mask is None else (group == 0) | ~mask[:, FIRST:]
    return torch.cat([atom14[:, :FIRST], torch.where(fixed[..., None], atom14[:, FIRST:], moved + center)], 1)


def set_chi(
    atom14: Float[Tensor, "n 14 3"],
    residues: Int[Tensor, "n"],
    to: Float[Tensor, "n 4"],
    mask: Bool[Tensor, "n 14"] | None = None,
) -> Float[Tensor, "n 14 3"]:
    """Side chains rotated to other chi angles.

    Parameters
    ----------
    atom14, residues, mask
        As in `rotate_chi`.
    to
        Radians. nan leaves an angle as it is.

    Returns
    -------
    Float[Tensor, "n 14 3"]
        As in `rotate_chi`.
    """
    return rotate_chi(atom14, residues, to - atom14_chi(atom14, residues, mask), mask)


def atom14_chi(
    atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], mask: Bool[Tensor, "n 14"] | None = None
) -> Float[Tensor, "n 4"]:
    """chi1 to chi4 as in `dihedrals.chi_angles`, from atom14 and with a finite gradient.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å.
    residues
        Index into `chemistry.RESIDUES`.
    mask
        Which atoms are present, by default all.

    Returns
    -------
    Float[Tensor, "n 4"]
        Radians, nan where a residue has no such angle or an atom is missing.
    """
    table = topology(atom14.device)
    atoms, defined = table.chi_atoms[residues], table.has_chi[residues]
    if mask is not None:
        defined = defined & mask.gather(1, atoms.flatten(1)).view(atoms.shape).all(-1)
    return _dihedrals(atom14, atoms, defined)


def known_chi(
    atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], mask: Bool[Tensor, "n 14"]
) -> Float[Tensor, "n 4"]:
    """chi angles from any atom that determines them, such as CG2 of a valine without CG1. nan where no atom does.

    The angle of an atom about the axis of chi_k differs from chi_k by a constant of the ideal geometry. The first
    present atom that rotates with chi_k therefore gives chi_k.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å.
    residues
        Index into `chemistry.RESIDUES`.
    mask
        Which atoms are present.

    Returns
    -------
    Float[Tensor, "n 4"]
        Radians, in [-pi, pi).
    """
    table = topology(atom14.device)
    atoms = table.chi_atoms[residues]  # (n, 4, 4)
    determining = table.determines_chi[residues] & mask[:, None, FIRST:]  # (n, 4, 10)
    determining &= mask.gather(1, atoms[..., :3].flatten(1)).view(*atoms.shape[:2], 3).all(-1)[..., None]
    determined, first = determining.any(-1), determining.long().argmax(-1)
    points = torch.cat([atoms[..., :3], first[..., None] + FIRST], -1)
    chi = _dihedrals(atom14, points, determined) - table.chi_offset[residues].to(atom14.dtype).gather(1, first)
    return torch.remainder(chi + torch.pi, 2 * torch.pi) - torch.pi


def _dihedrals(atom14: Tensor, atoms: Int[Tensor, "n 4 4"], defined: Bool[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Dihedrals of these atoms, nan where they are not defined."""
    every = torch.arange(len(atom14), device=atom14.device)[:, None, None]
    # Any four points with a dihedral stand in for undefined ones, so that no gradient is nan.
    substitute = atom14.new_tensor([[1.0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 1, 1]])
    points = torch.where(defined[..., None, None], atom14[every, atoms], substitute)
    return torch.where(defined, dihedral(*points.unbind(-2)), torch.nan)


def _beta(atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"]) -> Float[Tensor, "n 3"]:
    """CB in the frame of the bisector of N-CA-C: an unusual angle N-CA-C then changes N-CA-CB and C-CA-CB equally."""
    n, ca, c = atom14[:, :3].unbind(1)
    to_n, to_c = _unit(n - ca), _unit(c - ca)
    middle, normal = _unit(to_n + to_c), _unit(torch.linalg.cross(to_n, to_c))
    x, y, z = topology(atom14.device).beta[residues].to(atom14.dtype).split(1, -1)
    return ca + x * middle + y * torch.linalg.cross(normal, middle) + z * normal


def _unit(vectors: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """Vectors of length 1."""
    return vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(_SHORTEST)


def _across(vectors: Float[Tensor, "*n 3"], unit: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3"]:
    """The part of vectors that is perpendicular to a unit vector."""
    return vectors - (vectors * unit).sum(-1, keepdim=True) * unit
