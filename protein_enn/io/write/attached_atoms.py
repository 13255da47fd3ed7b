"""Attached atoms: atoms without a slot that move with their residue: hydrogens and groups of modified residues."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from protein_enn.geometry.superposition import superpose
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import combine

RIGID = 1e-3
"""Å; atoms within this distance of one rotation and shift have moved as a rigid body."""
STILL = 1e-4
"""Å; a smaller change of a coordinate is not applied."""
_FLAT = 0.1
"""Å; three atoms within this distance of a line, or of each other, define no frame."""


def move_attached_atoms(
    table: AtomTable, atoms: NDArray[np.int64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """New positions of all atoms of the table (Å) after `atoms` moved to `positions`.

    When `atoms` moved as a rigid body, all atoms move with them. Otherwise each other atom of a residue moves and
    rotates with the frame of three of `atoms` in its residue: the first is the atom that bears it, so that hydrogens
    keep their bonds, and the rest are the nearest. Atoms of conformers that were not chosen, and molecules without any
    of `atoms`, do not move.

    Parameters
    ----------
    table
        All atoms.
    atoms
        (k,) indices into the table.
    positions
        (k, 3) Å.
    """
    result = table.positions.copy()
    result[atoms] = positions
    moved = (positions != table.positions[atoms]).any(axis=1)
    if not moved.any():
        return result
    if len(atoms) > 3 and moved.all():
        rotation, shift = superpose(torch.from_numpy(table.positions[atoms]), torch.from_numpy(positions))
        body = table.positions @ rotation.numpy().T + shift.numpy()
        if np.abs(body[atoms] - positions).max() < RIGID:
            result = _keep_if_small(body, table.positions)
            result[atoms] = positions
            return result
    attached, anchors = find_attached_atoms(table, atoms, moved)
    before, after = table.positions[atoms[anchors]], positions[anchors]
    (old, old_flat), (new, new_flat) = _axes(before), _axes(after)
    offset = table.positions[attached] - before[:, 0]
    rotated = np.einsum("ri,rij->rj", np.einsum("rij,rj->ri", old, offset), new)
    offset = np.where((old_flat | new_flat)[:, None], offset, rotated)
    result[attached] = _keep_if_small(after[:, 0] + offset, table.positions[attached])
    return result


def _keep_if_small(new: NDArray[np.float64], old: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(new - old) < STILL, old, new)


def find_attached_atoms(
    table: AtomTable, atoms: NDArray[np.int64], moved: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Attached atoms, (r,) indices into the table, and their anchors, (r, 3) indices into `atoms`.

    An attached atom is any other atom of a residue in which one of `atoms` `moved`, unless it belongs to a conformer of
    which none of `atoms` is. Its anchors are three of `atoms` in its residue: for a hydrogen first the atom that bears
    it by name, then the nearest ones; where the residue has fewer, the last is repeated.

    Parameters
    ----------
    table
        All atoms.
    atoms
        (k,) indices into the table.
    moved
        (k,) which of them moved.
    """
    residue = combine(table.label_chains, table.chains, table.numbers, table.insertion_codes, table.residue_names)
    count = int(residue.max(initial=-1)) + 1
    sizes = np.bincount(residue[atoms], minlength=count)
    active = np.bincount(residue[atoms], weights=moved, minlength=count) > 0
    is_given = np.zeros(len(table), dtype=bool)
    is_given[atoms] = True
    others = np.flatnonzero(~is_given & active[residue])
    if not len(others):
        return others, np.zeros((0, 3), dtype=np.int64)
    size = sizes[residue[others]]
    first = np.cumsum(size) - size
    owner = np.repeat(np.arange(len(others)), size)
    by_residue = np.argsort(residue[atoms], kind="stable")
    offset = (np.cumsum(sizes) - sizes)[residue[others]] - first
    member = by_residue[np.arange(len(owner)) + offset[owner]]
    alternates = table.alternates.codes
    same = alternates[others][owner] == alternates[atoms[member]]
    fits = table.alternates.are("")[others] | np.logical_or.reduceat(same, first)
    distance = ((table.positions[others][owner] - table.positions[atoms[member]]) ** 2).sum(axis=1)
    bears = _bearing(table, atoms, others)[owner] == table.names.codes[atoms[member]]
    near = member[np.lexsort((distance, ~bears, owner))]
    anchors = np.stack([near[first + np.minimum(k, size - 1)] for k in range(3)], axis=1)
    return others[fits], anchors[fits]


def _bearing(table: AtomTable, atoms: NDArray[np.int64], attached: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each attached atom the code of the name of the atom that bears it; -1 for what is no hydrogen."""
    codes, count = table.names.codes, len(table.names.values)
    residues = table.residue_names.codes
    known: dict[int, list[int]] = {}
    for pair in np.unique(residues[atoms] * count + codes[atoms]).tolist():
        known.setdefault(pair // count, []).append(pair % count)
    kinds, first, inverse = np.unique(
        residues[attached] * count + codes[attached], return_index=True, return_inverse=True
    )
    parents = np.full(len(kinds), -1)
    for k, i in enumerate(attached[first].tolist()):
        if table.elements[i] in ("H", "D", ""):
            heavy = {table.names.values[code]: code for code in known.get(int(residues[i]), ())}
            parents[k] = heavy.get(_bearing_atom(table.names[i], list(heavy)), -1)
    return parents[inverse]


def _bearing_atom(hydrogen: str, atoms: list[str]) -> str:
    """The atom that bears a hydrogen, by the names: H, H1, HN, HT1: N; HA2: CA; HD11, 1HD1: CD1; HE21: NE2; HG: OG, SG
    or CG. The longest match counts; "" if there is none."""
    digits = hydrogen[: len(hydrogen) - len(hydrogen.lstrip("0123456789"))]
    place = hydrogen[len(digits) + 1 :] + digits
    if not place.strip("NT0123456789"):
        return "N"
    matches = [atom for atom in atoms if len(atom) > 1 and place.startswith(atom[1:])]
    return max(matches, key=len, default="")


def _axes(anchors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(r, 3, 3) right-handed orthonormal axes (rows) of triangles, and which triangles are too flat to have any."""
    x, y = anchors[:, 1] - anchors[:, 0], anchors[:, 2] - anchors[:, 0]
    length = np.linalg.norm(x, axis=1, keepdims=True)
    x = x / np.maximum(length, _FLAT)
    y = y - (y * x).sum(axis=1, keepdims=True) * x
    height = np.linalg.norm(y, axis=1, keepdims=True)
    y = y / np.maximum(height, _FLAT)
    return np.stack([x, y, np.cross(x, y)], axis=1), (np.minimum(length, height) < _FLAT)[:, 0]
