"""The numbers of a structure that differ from its source document, where that document can hold the change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.convert.chain_names import name_chains
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import Labels
from protein_enn.io.write.attached_atoms import move_attached_atoms
from protein_enn.structure import KINDS, Source, Structure

COORDINATES = ("Cartn_x", "Cartn_y", "Cartn_z")
OCCUPANCY, B_FACTOR = "occupancy", "B_iso_or_equiv"
DECIMALS = {**dict.fromkeys(COORDINATES, 3), OCCUPANCY: 2, B_FACTOR: 2}
"""Fewest decimals of a new number."""


class Cells(NamedTuple):
    """New numbers of one atom_site item (or PDB column): rows of the document and their values."""

    rows: NDArray[np.int64]
    values: NDArray[np.float64]


Revision = Mapping[str, Cells]


def revise(
    structure: Structure, table: AtomTable, source: Source, b_factors: NDArray[np.float32] | None
) -> Revision | None:
    """Cells that change, by item; None when more changed than coordinates, occupancies and B factors.

    A number is unchanged when it equals the one in the source in float32. Atoms that the source lacks are ignored here
    (see `added_atoms`).

    Parameters
    ----------
    structure
        The structure to write.
    table
        The atoms of its source document.
    source
        The rows of its atoms in that document.
    b_factors
        (n, 37) new B factors; None keeps those of the structure.
    """
    slots = (structure.present & (source.rows >= 0)).numpy()
    if (~structure.present & (source.rows >= 0)).any():
        return None  # atoms were removed
    row_of = np.full(int(table.rows.max(initial=-1)) + 1, -1)
    row_of[table.rows] = np.arange(len(table))
    rows = np.concatenate((source.rows.numpy()[slots], source.hetero.numpy()))
    if len(source.hetero) != len(structure.hetero) or (len(rows) and np.bincount(rows).max() > 1):
        return None  # other molecules, or copies that an assembly made
    if (rows >= len(row_of)).any() or (row_of[rows] < 0).any():
        return None
    atoms = row_of[rows]
    if not _same_residues(structure, table, slots, atoms):
        return None

    def column(own: NDArray[np.float32], of_hetero: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.concatenate((own[slots], of_hetero)).astype(np.float64)

    hetero = structure.hetero
    positions = column(structure.positions.detach().cpu().numpy(), hetero.positions.detach().cpu().numpy())
    positions = np.where(_equal(positions, table.positions[atoms]), table.positions[atoms], positions)
    # Groups of modified residues are context atoms; unless they were moved themselves, they move with their residue.
    in_residue = np.concatenate((np.zeros(int(slots.sum()), dtype=bool), hetero.kinds.numpy() == KINDS.index("other")))
    given = ~in_residue | (positions != table.positions[atoms]).any(axis=1)
    moved = move_attached_atoms(table, atoms[given], positions[given])
    placed = table.has_position
    revision = {
        item: _changed_cells(table.rows[placed], table.positions[placed, axis], moved[placed, axis])
        for axis, item in enumerate(COORDINATES)
    }
    occupancies = column(structure.occupancies.numpy(), hetero.occupancies.numpy())
    revision[OCCUPANCY] = _changed_cells(rows, table.occupancies[atoms], occupancies)
    new_b_factors = column(structure.b_factors.numpy() if b_factors is None else b_factors, hetero.b_factors.numpy())
    revision[B_FACTOR] = _changed_cells(rows, table.b_factors[atoms], new_b_factors)
    return revision


def _equal(new: NDArray[np.float64], old: NDArray[np.float64]) -> NDArray[np.bool_]:
    return new.astype(np.float32) == old.astype(np.float32)


def _changed_cells(rows: NDArray[np.int64], old: NDArray[np.float64], new: NDArray[np.float64]) -> Cells:
    different = ~_equal(new, old)
    return Cells(rows[different], new[different])


def _same_residues(
    structure: Structure, table: AtomTable, slots: NDArray[np.bool_], atoms: NDArray[np.int64]
) -> bool:  # fmt: skip
    """Whether residue names, numbers and chains are still those of the document, as reading names the chains."""
    table = name_chains(table).table
    residue, slot = np.nonzero(slots)
    starts = np.flatnonzero(np.diff(residue, prepend=-1))
    residue, first = residue[starts], atoms[: len(slot)][starts]
    chosen = residue.tolist()
    chains = [structure.chain_ids[c] for c in structure.chains.numpy()[residue].tolist()]
    return (
        np.array_equal(table.numbers[first], structure.numbers.numpy()[residue])
        and _take_texts(table.residue_names, first) == [structure.residue_names[i] for i in chosen]
        and _take_texts(table.insertion_codes, first) == [structure.insertion_codes[i] for i in chosen]
        and _take_texts(table.chains, first) == chains
    )


def _take_texts(labels: Labels, index: NDArray[np.int64]) -> list[str]:
    return labels.take(index).tolist()
