"""Atoms of a structure that its source file lacks.

The editors write each as a copy of the line of an atom of the same residue, with another name, element, position,
occupancy and B factor. Its serial number follows the largest in the file, so that other records (CONECT, ANISOU) keep
their meaning. The new lines follow those of the residue; every other byte stays.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.write.edits import B_FACTOR, COORDINATES, OCCUPANCY
from protein_enn.structure import Source, Structure


class Addition(NamedTuple):
    """One new atom: the row of the document whose line it copies, and the one behind which it goes."""

    template: int
    behind: int
    name: str
    numbers: dict[str, float]  # by item of atom_site


def find_additions(
    structure: Structure, source: Source, b_factors: NDArray[np.float32] | None
) -> list[Addition] | None:
    """Atoms that are present but have no row in the source, in file order.

    Parameters
    ----------
    structure
        n residues.
    source
        The rows of their atoms.
    b_factors
        (n, 37) values of the B-factor column; None: those of the structure.

    Returns
    -------
    list[Addition] | None
        None when the residue of one of them has no atom in the source.
    """
    rows, present = source.rows.numpy(), structure.present.numpy()
    new_b_factors = structure.b_factors.numpy() if b_factors is None else b_factors
    positions, occupancies = structure.positions.detach().cpu().numpy(), structure.occupancies.numpy()
    additions = []
    for i, slot in np.argwhere(present & (rows < 0)).tolist():
        own = rows[i][rows[i] >= 0]
        if not len(own):
            return None
        numbers = dict(zip(COORDINATES, positions[i, slot].tolist(), strict=True))
        numbers |= {OCCUPANCY: float(occupancies[i, slot]), B_FACTOR: float(new_b_factors[i, slot])}
        additions.append(Addition(int(own.min()), int(own.max()), chemistry.ATOMS[slot], numbers))
    return additions
