"""Bonds between residues that CONECT records of a PDB file declare, as programs without LINK records write them.

Serial numbers overflow in large files, and many programs write CONECT for all bonds of a ligand. So a record counts
only if its serial numbers are each of one atom, and the atoms are of different residues, one of them in the protein.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from protein_enn.structure import Structure
from protein_enn.structure.structure import Source

End = tuple[int, int]
"""An atom as `Links` names it: residue and slot, or -1 and the index of a hetero atom."""
_RECORD = re.compile(rb"^CONECT([^\r\n]{5,25})", re.MULTILINE)


def conect_bonds(structure: Structure) -> list[tuple[End, End]]:
    """The bonds between residues that CONECT records declare; none for files of another format.

    Parameters
    ----------
    structure
        With the rows of its atoms in its source, of whose file a row is a line.
    """
    source = structure.source
    if source is None or source.format != "pdb" or b"\nCONECT" not in source.data:
        return []
    residue, slot = np.nonzero(source.rows.numpy() >= 0)
    rows = np.concatenate([source.rows.numpy()[residue, slot], source.hetero.numpy()])
    serials, order = np.unique(_serials(source, rows), return_inverse=True)
    atom = np.full(len(serials), -1)
    atom[order] = np.arange(len(rows))
    atom[np.bincount(order, minlength=len(serials)) > 1] = -1
    place = dict(zip(serials.tolist(), atom.tolist(), strict=True))
    found = []
    for pair in _pairs(source.data):
        one, two = (place.get(serial, -1) for serial in pair)
        if min(one, two) < 0 or min(one, two) >= len(residue):
            continue
        ends = [(int(residue[k]), int(slot[k])) if k < len(residue) else (-1, k - len(residue)) for k in (one, two)]
        owners = [structure.residue_id(i) if i >= 0 else structure.hetero.residue_ids[k] for i, k in ends]
        if ends[0][0] != ends[1][0] and owners[0] != owners[1]:
            found.append((ends[0], ends[1]))
    return found


def _serials(source: Source, rows: NDArray[np.int64]) -> NDArray:
    """The serial numbers of the atoms in these lines, as written."""
    data = np.frombuffer(source.data, dtype=np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(data == ord("\n")) + 1))
    cells = np.minimum(starts[rows][:, None] + np.arange(6, 11), len(data) - 1)
    return np.char.strip(np.ascontiguousarray(data[cells]).view("S5")[:, 0])


def _pairs(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Serial numbers of bonded atoms, each pair once."""
    known = set()
    for record in _RECORD.findall(data):
        one, *bonded = (record[k : k + 5].strip() for k in range(0, len(record), 5))
        for two in bonded:
            pair = (min(one, two), max(one, two))
            if one != two and b"" not in pair and pair not in known:
                known.add(pair)
                yield pair
