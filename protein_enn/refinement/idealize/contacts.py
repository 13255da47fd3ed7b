"""Pairs of atoms that must not come closer than a limit: of the protein with itself, and with what is not protein."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.metrics.clashes import HYDROGEN_BOND, NEAR_BONDS, OVERLAP
from protein_enn.structure import KINDS, Structure

SLACK = 0.015
"""Å beyond the limit of a clash, so that none is left after rounding to the 0.001 Å of a file."""
SKIN = 0.8
"""Å beyond the limit that pairs are listed, so that a list holds for moves of half of it."""


def contacts(
    x: Float[np.ndarray, "m 3"], atoms: Int[np.ndarray, "m"], free: Bool[np.ndarray, "m"], bonded: Int[np.ndarray, "k"]
) -> tuple[Int[np.ndarray, "p 2"], Float[np.ndarray, "p"]]:
    """Pairs of rows of x with at least one free atom, and their lower limits (Å); `atoms` are residue * 37 + slot.

    Pairs within one residue do not count, nor those of `bonded`, the keys that `near_bonds` gives.
    """
    limits = _limits()
    i, j = kd_tree(x).query_pairs(float(limits.max()) + SKIN, output_type="ndarray").T
    residue, element = atoms // len(chemistry.ATOMS), _elements()[atoms % len(chemistry.ATOMS)]
    keep = (free[i] | free[j]) & (residue[i] != residue[j])
    i, j = i[keep], j[keep]
    low = limits[element[i], element[j]]
    apart = x[i] - x[j]
    keep = (apart * apart).sum(1) < (low + SKIN) ** 2
    i, j, low = i[keep], j[keep], low[keep]
    key = i * len(x) + j
    keep = bonded[np.searchsorted(bonded, key).clip(max=len(bonded) - 1)] != key
    return np.stack((i, j), 1)[keep], low[keep]


def obstacles(
    x: Float[np.ndarray, "m 3"],
    start: Float[np.ndarray, "m 3"],
    free: Bool[np.ndarray, "m"],
    protein: int,
    contact: float,
) -> tuple[Int[np.ndarray, "p 2"], Float[np.ndarray, "p"]]:
    """Pairs of a free atom with one of the rows from `protein` on, which are not protein, and their lower limits (Å).

    Closer than `contact` they come only where they were so in the input, `start`: there the input's distance counts.
    """
    rows = np.flatnonzero(free)
    if len(x) == protein or len(rows) == 0:
        return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
    found = kd_tree(x[rows]).sparse_distance_matrix(kd_tree(x[protein:]), contact + SKIN, output_type="ndarray")
    i, j = rows[found["i"]], protein + found["j"]
    return np.stack((i, j), 1), np.minimum(np.linalg.norm(start[i] - start[j], axis=1), contact + SLACK)


def near_bonds(bonds: Int[np.ndarray, "b 2"], m: int) -> Int[np.ndarray, "k"]:
    """Keys row * m + column, sorted, of the pairs at most NEAR_BONDS bonds apart."""
    itself = np.arange(m)
    ends = np.concatenate((bonds, bonds[:, ::-1], np.stack((itself, itself), 1))).T
    step = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(m, m)).tocsr()
    reached = step
    for _ in range(NEAR_BONDS // 2 - 1):
        reached = reached @ step
    reached = (reached @ reached).tocoo()
    i, j = (part.astype(np.int64) for part in reached.coords)
    return np.sort(i * m + j)


@cache
def _limits() -> Float[np.ndarray, "4 4"]:
    """By elements C, N, O, S."""
    radii = np.array([chemistry.VDW_RADII[element] for element in "CNOS"])
    polar = np.array([False, True, True, False])
    return radii[:, None] + radii - OVERLAP - HYDROGEN_BOND * (polar[:, None] & polar) + SLACK


@cache
def _elements() -> Int[np.ndarray, "37"]:
    return np.array(["CNOS".index(chemistry.element(name)) for name in chemistry.ATOMS])


def near(structure: Structure, mask: Bool[Tensor, "n"], reach: float) -> Bool[Tensor, "n"]:
    """Residues with an atom within `reach` Å of an atom of one in the mask."""
    rows = structure.present.nonzero()[:, 0]
    atoms = structure.positions[structure.present]
    chosen = mask[rows]
    result = torch.zeros_like(mask)
    if chosen.any():
        tree = kd_tree(atoms[chosen].numpy())
        apart, _ = tree.query(atoms.numpy(), distance_upper_bound=reach)
        result[rows[torch.from_numpy(apart) < reach]] = True
    return result


def touches_hetero(structure: Structure, contact: float) -> Bool[Tensor, "n"]:
    """Residues with an atom within `contact` Å of a ligand, ion or nucleic acid (water yields)."""
    hetero = structure.hetero.positions[structure.hetero.kinds != KINDS.index("water")]
    rows = structure.present.nonzero()[:, 0]
    touched = torch.zeros(len(structure), dtype=torch.bool)
    if len(hetero) and len(rows):
        apart, _ = kd_tree(hetero.numpy()).query(structure.positions[structure.present].numpy())
        touched[rows[torch.from_numpy(apart) < contact]] = True
    return touched
