"""Bonds between residues that CONECT records of a PDB file declare, as programs without LINK records write them.

Serial numbers overflow in large files, and many programs write CONECT for all bonds of a ligand. So a record counts
only if its serial numbers are each of one atom, and the atoms are of different residues, one of them in the protein.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.formats.table import FORMATS
from protein_enn.structure import Structure

End = tuple[int, int]
"""An atom as `Links` names it: residue and slot, or -1 and the index of a hetero atom."""
MOST_SERIAL = 99_999
"""Largest serial number in five columns."""
_RECORD = re.compile(rb"^CONECT([^\r\n]{5,25})", re.MULTILINE)


def conect_bonds(structure: Structure) -> list[tuple[End, End]]:
    """The bonds between residues that CONECT records declare; none for files of another format.

    Parameters
    ----------
    structure
        With the rows of its atoms in its source, of whose file a row is a line.
    """
    source = structure.source
    if source is None or source.format != "pdb" or b"CONECT" not in source.data:
        return []
    content = FORMATS["pdb"].content(source.data)  # with the line ends by which rows count
    if not len(pairs := _pairs(content)):
        return []
    residue, slot = np.nonzero(source.rows.numpy() >= 0)
    rows = np.concatenate([source.rows.numpy()[residue, slot], source.hetero.numpy()])
    data = np.frombuffer(content, dtype=np.uint8)
    starts = np.concatenate(([0], np.flatnonzero(data == ord("\n")) + 1))
    cells = np.minimum(starts[rows][:, None] + np.arange(6, 11), len(data) - 1)
    numbers = _numbers(data[cells])
    atom = np.full(MOST_SERIAL + 2, -1)  # by serial number; the last place is for -1
    atom[numbers] = np.arange(len(numbers))
    atom[np.flatnonzero(np.bincount(numbers[numbers >= 0], minlength=1) > 1)] = -1  # of several atoms
    ends = atom[pairs]
    ends = ends[(ends.min(axis=1) >= 0) & (ends.min(axis=1) < len(residue))]
    found = []
    for one, two in ends.tolist():
        first, second = (
            (int(residue[k]), int(slot[k])) if k < len(residue) else (-1, k - len(residue)) for k in (one, two)
        )
        if first[0] == second[0]:
            continue
        owners = [structure.residue_id(i) if i >= 0 else structure.hetero.residue_ids[k] for i, k in (first, second)]
        if owners[0] != owners[1]:
            found.append((first, second))
    return found


def _numbers(cells: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Numbers written in cells of five characters, blank to either side; -1 where there is none."""
    digit, blank = (cells >= 48) & (cells <= 57), cells == 32
    value = np.zeros(cells.shape[:-1], dtype=np.int64)
    for k in range(cells.shape[-1]):
        value = np.where(digit[..., k], 10 * value + cells[..., k] - 48, value)
    return np.where((digit | blank).all(-1) & digit.any(-1), value, -1)


def _pairs(data: bytes) -> NDArray[np.int64]:
    """(p, 2) serial numbers of bonded atoms, each pair once."""
    start = max(data.find(b"\nCONECT"), 0)  # they stand at the end of the file
    records = b"".join(record.ljust(25) for record in _RECORD.findall(data, start))
    numbers = _numbers(np.frombuffer(records, dtype=np.uint8).reshape(-1, 5, 5))
    one, two = np.repeat(numbers[:, 0], 4), numbers[:, 1:].reshape(-1)
    given = (one >= 0) & (two >= 0)
    one, two = one[given], two[given]
    keys = np.unique(np.minimum(one, two) * (MOST_SERIAL + 1) + np.maximum(one, two))
    return np.stack(np.divmod(keys, MOST_SERIAL + 1), axis=1)
