"""Atoms that have no slot but hang on one that may move: hydrogens and the groups of modified residues."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from protein_enn.geometry.superposition import superpose
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import combine

RIGID = 1e-3
"""Å; atoms that all stay this close to one rotation and shift moved as one body."""
STILL = 1e-4
"""Å; along an axis along which they would move less than this, riders stay."""
_FLAT = 0.1
"""Å; three atoms this close to one line, or to each other, give no frame."""


def carry(table: AtomTable, atoms: NDArray[np.int64], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where all atoms of the table go (Å) when `atoms` (indices into it) go to `positions`.

    When these moved as one body, everything moves with them. Otherwise the other atoms of a residue ride on the nearest
    of these and turn with its neighbours, so that hydrogens keep their bonds; atoms of a conformer that was not chosen
    and molecules that have none of these atoms stay.
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
            result = _settled(body, table.positions)
            result[atoms] = positions
            return result
    riders, corners = find_riders(table, atoms, moved)
    before, after = table.positions[atoms[corners]], positions[corners]
    (old, old_flat), (new, new_flat) = _axes(before), _axes(after)
    arm = table.positions[riders] - before[:, 0]
    turned = np.einsum("ri,rij->rj", np.einsum("rij,rj->ri", old, arm), new)
    arm = np.where((old_flat | new_flat)[:, None], arm, turned)
    result[riders] = _settled(after[:, 0] + arm, table.positions[riders])
    return result


def _settled(new: NDArray[np.float64], old: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(new - old) < STILL, old, new)


def find_riders(
    table: AtomTable, atoms: NDArray[np.int64], moved: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Riders (r indices into the table) and (r, 3) indices into `atoms`: the nearest three of the same residue.

    A rider is any other atom of a residue of which one of `atoms` `moved`, unless it has the label of a conformer that
    none of these has. Where a residue has fewer than three of `atoms`, the last is repeated.
    """
    residue = combine(table.label_chains, table.chains, table.numbers, table.insertion_codes, table.residue_names)
    count = int(residue.max(initial=-1)) + 1
    sizes = np.bincount(residue[atoms], minlength=count)
    active = np.bincount(residue[atoms], weights=moved, minlength=count) > 0
    held = np.zeros(len(table), dtype=bool)
    held[atoms] = True
    free = np.flatnonzero(~held & active[residue])
    if not len(free):
        return free, np.zeros((0, 3), dtype=np.int64)
    size = sizes[residue[free]]
    first = np.cumsum(size) - size
    owner = np.repeat(np.arange(len(free)), size)
    by_residue = np.argsort(residue[atoms], kind="stable")
    offset = (np.cumsum(sizes) - sizes)[residue[free]] - first
    member = by_residue[np.arange(len(owner)) + offset[owner]]
    alternates = table.alternates.codes
    same = alternates[free][owner] == alternates[atoms[member]]
    fits = table.alternates.are("")[free] | np.logical_or.reduceat(same, first)
    distance = ((table.positions[free][owner] - table.positions[atoms[member]]) ** 2).sum(axis=1)
    near = member[np.lexsort((distance, owner))]
    corners = np.stack([near[first + np.minimum(k, size - 1)] for k in range(3)], axis=1)
    return free[fits], corners[fits]


def _axes(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(r, 3, 3) right-handed orthonormal axes (rows) of triangles, and which triangles are too flat to have any."""
    x, y = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    length = np.linalg.norm(x, axis=1, keepdims=True)
    x = x / np.maximum(length, _FLAT)
    y = y - (y * x).sum(axis=1, keepdims=True) * x
    height = np.linalg.norm(y, axis=1, keepdims=True)
    y = y / np.maximum(height, _FLAT)
    return np.stack([x, y, np.cross(x, y)], axis=1), (np.minimum(length, height) < _FLAT)[:, 0]
