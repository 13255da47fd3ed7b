"""Atoms that have no slot but hang on one that may move: hydrogens and the groups of modified residues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.atoms import AtomTable


def find_riders(table: AtomTable, atoms: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Riders (indices into the table) and, for each, its carrier (index into `atoms`, which index the table).

    A rider is any other atom of a residue that has atoms among `atoms`; its carrier is the nearest of those. Atoms of a
    conformer that was not chosen stay where they are. Moved along with their carrier, hydrogens keep their bonds.
    """
    _, residue = np.unique(_residue_keys(table), return_inverse=True)
    held = np.zeros(len(table), dtype=bool)
    held[atoms] = True
    in_protein = np.zeros(int(residue.max(initial=-1)) + 1, dtype=bool)
    in_protein[residue[atoms]] = True
    free = np.flatnonzero(~held & in_protein[residue])
    if not len(free):
        return free, free
    members: dict[int, list[int]] = {}
    for i, r in enumerate(residue[atoms].tolist()):
        members.setdefault(r, []).append(i)
    riders, carriers = [], []
    for a in free.tolist():
        candidates = np.array(members[int(residue[a])])
        labels = table.alternates[atoms[candidates]]
        if table.alternates[a] not in ("", *labels.tolist()):
            continue
        gaps = ((table.positions[atoms[candidates]] - table.positions[a]) ** 2).sum(axis=1)
        riders.append(a)
        carriers.append(int(candidates[np.argmin(gaps)]))
    return np.array(riders, dtype=np.int64), np.array(carriers, dtype=np.int64)


def _residue_keys(table: AtomTable) -> NDArray:
    parts = (table.label_chains, table.chains, table.numbers.astype(str), table.insertion_codes, table.residue_names)
    keys = parts[0]
    for part in parts[1:]:
        keys = np.char.add(np.char.add(keys, "|"), part)
    return keys
