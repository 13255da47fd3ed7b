"""Side chains in the frames of their backbones, and the atoms around the axis of a chi angle.

Every residue has a frame of N, CA and C whose third axis is multiplied by its handedness: 1 for L-amino acids, -1 for
D-amino acids. Coordinates in it are those of an L-amino acid in both cases. A molecule and its mirror image therefore
have the same coordinates, and a D-amino acid is built as the mirror image of the L-amino acid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.atom14 import atom14_slots
from protein_enn.geometry.frames import backbone_frames, unit
from protein_enn.geometry.side_chain_topology import FIRST, topology
from protein_enn.geometry.side_chains import complete_side_chains
from protein_enn.graph.context import CONTEXT_KINDS

ATOM_KINDS = len(chemistry.ATOMS) + CONTEXT_KINDS
"""Kinds of atoms: names of protein atoms, then classes of elements."""
AHEAD = 1.0
"""Å along the axis of a chi angle: the point to which surrounding atoms are near."""


def exact(like: Tensor) -> torch.autocast:
    """Without bfloat16: geometry is never computed in it."""
    return torch.autocast(like.device.type, enabled=False)


@dataclass(frozen=True, eq=False)
class Placed:
    """Atoms of n residues: backbones, and side chains which count where they are shown."""

    atoms: Float[Tensor, "n 14 3"]  # Å from `Backbones.origin`; CB of every residue that has one
    exists: Bool[Tensor, "n 14"]


@dataclass(frozen=True, eq=False)
class Backbones:
    """The backbones of n residues and what is around them."""

    origin: Float[Tensor, "3"]  # Å; positions are relative to it, and so accurate far from zero
    ca: Float[Tensor, "n 3"]  # Å
    frames: Float[Tensor, "n 3 3"]  # axes in rows
    local: Float[Tensor, "n 4 3"]  # N, CA, C, O in the frame
    present: Bool[Tensor, "n 4"]
    residues: Int[Tensor, "n"]
    handedness: Float[Tensor, "n"]
    neighbors: Int[Tensor, "n k"]
    neighbor_mask: Bool[Tensor, "n k"]
    relations: Int[Tensor, "n k"]  # types of the pairs
    context_vectors: Float[Tensor, "n c 3"]
    context_kinds: Int[Tensor, "n c"]

    @staticmethod
    def of(graph: Any) -> Backbones:
        """Those of a residue graph without side chains."""
        with exact(graph.pos):
            return Backbones._of(graph)

    @staticmethod
    def _of(graph: Any) -> Backbones:
        atoms = graph.vectors[:, :3]  # N, C, O from CA
        present = (atoms != 0).any(-1)
        handedness = graph.handedness
        frames = backbone_frames(atoms[:, 0], torch.zeros_like(atoms[:, 0]), atoms[:, 1])
        frames = torch.cat([frames[:, :2], frames[:, 2:] * handedness[:, None, None]], 1)
        full = torch.stack([atoms[:, 0], torch.zeros_like(atoms[:, 0]), atoms[:, 1], atoms[:, 2]], 1)
        there = torch.stack([present[:, 0], torch.ones_like(present[:, 0]), present[:, 1], present[:, 2]], 1)
        origin = graph.pos[0]
        return Backbones(
            origin,
            graph.pos - origin,
            frames,
            full @ frames.mT,
            there,
            graph.residues,
            handedness,
            graph.neighbors,
            graph.neighbor_mask,
            graph.edge_types,
            graph.context_vectors,
            graph.context_kinds,
        )

    @cached_property
    def names(self) -> Int[Tensor, "n 14"]:
        """The name of each atom, an index into `chemistry.ATOMS`."""
        return atom14_slots(self.residues)[0]

    @cached_property
    def whole(self) -> Bool[Tensor, "n"]:
        """Whether N, CA and C are present, from which a side chain can be built."""
        return self.present[:, :3].all(1)

    def atoms(self, rows: Int[Tensor, "r"], chi: Float[Tensor, "r 4"]) -> Float[Tensor, "r 14 3"]:
        """`offsets` from `origin`, Å."""
        return self.ca[rows, None] + self.offsets(rows, chi)

    def offsets(self, rows: Int[Tensor, "r"], chi: Float[Tensor, "r 4"]) -> Float[Tensor, "r 14 3"]:
        """The atoms of some residues with ideal side chains, from CA, Å.

        Parameters
        ----------
        rows
            Residues, each once or several times.
        chi
            Radians, of the L-amino acid; angles that are nan count as 0.
        """
        local = torch.nn.functional.pad(self.local[rows], (0, 0, 0, chemistry.ATOM14_WIDTH - FIRST))
        mask = torch.arange(chemistry.ATOM14_WIDTH, device=local.device) < FIRST
        kinds = torch.where(self.whole[rows], self.residues[rows], chemistry.RESIDUE_INDEX["GLY"])
        built = complete_side_chains(local, mask.expand(len(rows), -1), kinds, chi.nan_to_num(0.0))
        with exact(built):
            return built @ self.frames[rows]

    def built(self, chi: Float[Tensor, "n 4"]) -> Placed:
        """All residues with ideal side chains."""
        return Placed(self.atoms(torch.arange(len(self.ca), device=chi.device), chi), self.exists())

    def exists(self) -> Bool[Tensor, "n 14"]:
        """The atoms of whole residues: those present in the backbone, and all of the side chain."""
        side = atom14_slots(self.residues)[1] & self.whole[:, None]
        return torch.cat([self.present, side[:, FIRST:]], 1)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The m atoms nearest to the axes of r chi angles."""

    local: Float[Tensor, "r m 3"]  # along the axis, toward the atom before it, across both; from the axis' end, Å
    kinds: Int[Tensor, "r m"]
    owners: Int[Tensor, "r m"]  # the residue of each
    relations: Int[Tensor, "r m"]  # type of its pair with the residue of the angle; the last type: the residue itself
    distance: Float[Tensor, "r m"]  # from the point to which they are near; inf where there are fewer atoms


def surroundings(
    backbones: Backbones,
    rows: Int[Tensor, "r"],
    axis: Float[Tensor, "r 3 3"],
    placed: Placed,
    shown: Bool[Tensor, "r k"],
    count: int,
    own_relation: int,
) -> Surroundings:
    """The atoms around the axes of chi angles.

    Parameters
    ----------
    backbones
        Of all residues.
    rows
        The residue of each angle.
    axis
        The three atoms that the angle begins with (`first_axes`, `next_axes`), Å.
    placed
        Atoms of all residues.
    shown
        Neighbors whose side chains are placed; of others only backbone and CB are taken.
    count
        m.
    own_relation
        The relation of the residue itself.
    """
    frame, c = _axis_frames(axis, backbones.handedness[rows])
    forward = frame[:, 0]
    center = c + AHEAD * forward
    positions, kinds, owners, relations, exists = _candidates(backbones, rows, placed, shown, own_relation)
    distance = (positions - center[:, None]).square().sum(-1).masked_fill(~exists, torch.inf)
    nearest, index = distance.topk(min(count, distance.shape[1]), largest=False, sorted=False)
    chosen = positions.gather(1, index[..., None].expand(-1, -1, 3))
    local = torch.where(nearest.isfinite()[..., None], _product(chosen - c[:, None], frame.mT), 0.0)
    kinds, owners, relations = (x.gather(1, index) for x in (kinds, owners, relations))
    return Surroundings(local, kinds, owners, relations, nearest.sqrt())


def first_axes(atoms: Float[Tensor, "r 14 3"]) -> Float[Tensor, "r 3 3"]:
    """N, CA and CB, with which chi1 begins, Å."""
    return atoms[:, [0, 1, FIRST]]


def axes_of(
    atoms: Float[Tensor, "r 14 3"], residues: Int[Tensor, "r"], angle: Int[Tensor, "r"]
) -> Float[Tensor, "r 3 3"]:
    """The three atoms with which a chi angle (from 0) of each complete residue begins, Å."""
    index = topology(atoms.device).chi_atoms[residues, angle, :3]
    return atoms.gather(1, index[..., None].expand(-1, -1, 3))


def next_axes(
    axis: Float[Tensor, "r 3 3"],
    residues: Int[Tensor, "r"],
    angle: int,
    chi: Float[Tensor, "r"],
    handedness: Float[Tensor, "r"],
) -> Float[Tensor, "r 3 3"]:
    """The three atoms of the next angle, from those of `angle` and its value (radians, of the L-amino acid)."""
    table = topology(axis.device)
    fourth = (table.chi_atoms[residues, angle, 3] - FIRST).clamp_min(0)
    offset, along, across = table.placement[residues, fourth].to(axis.dtype).unbind(-1)
    frame, end = _axis_frames(axis, handedness)
    torsion = offset + chi
    local = torch.stack([along, across * torsion.cos(), across * torsion.sin()], -1)
    return torch.stack([axis[:, 1], axis[:, 2], end + _product(local[:, None], frame)[:, 0]], 1)


def _axis_frames(
    axis: Float[Tensor, "r 3 3"], handedness: Float[Tensor, "r"]
) -> tuple[Float[Tensor, "r 3 3"], Float[Tensor, "r 3"]]:
    """Along the axis, toward the atom before it, across both (axes in rows); and the end of the axis."""
    a, b, c = axis.unbind(1)
    forward = unit(c - b)
    side = a - b
    side = unit(side - (side * forward).sum(-1, keepdim=True) * forward)
    return torch.stack([forward, side, torch.linalg.cross(forward, side) * handedness[:, None]], 1), c


def _candidates(
    backbones: Backbones,
    rows: Int[Tensor, "r"],
    placed: Placed,
    shown: Bool[Tensor, "r k"],
    own_relation: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Positions, kinds, owners, relations and presence of all atoms that are near some residues."""
    r, width = len(rows), chemistry.ATOM14_WIDTH
    near = torch.cat([rows[:, None], backbones.neighbors[rows]], 1)
    column = torch.arange(width, device=rows.device)
    own_atoms = (column < FIRST).expand(r, 1, width)
    theirs = backbones.neighbor_mask[rows][..., None] & (shown[..., None] | (column <= FIRST))
    exists = placed.exists[near] & torch.cat([own_atoms, theirs], 1)
    relations = torch.cat([torch.full_like(rows, own_relation)[:, None], backbones.relations[rows]], 1)
    context = backbones.context_vectors[rows] + backbones.ca[rows, None]
    context_kinds = backbones.context_kinds[rows]
    n_context = context_kinds.shape[1]
    positions = torch.cat([placed.atoms.index_select(0, near.flatten()).view(r, near.shape[1] * width, 3), context], 1)
    kinds = torch.cat([backbones.names[near].flatten(1), context_kinds + len(chemistry.ATOMS)], 1)
    owners = torch.cat([near.repeat_interleave(width, 1), rows[:, None].expand(-1, n_context)], 1)
    relations = torch.cat([relations.repeat_interleave(width, 1), relations[:, :1].expand(-1, n_context)], 1)
    return positions, kinds, owners, relations, torch.cat([exists.flatten(1), context_kinds > 0], 1)


def _product(vectors: Float[Tensor, "r m 3"], matrices: Float[Tensor, "r 3 3"]) -> Float[Tensor, "r m 3"]:
    """Vectors times matrices, never in bfloat16."""
    with exact(vectors):
        return vectors @ matrices
