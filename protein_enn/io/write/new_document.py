"""New files, for structures without a source in the requested format: atoms, links and entities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import WriteError
from protein_enn.io.formats.table import FORMATS, load
from protein_enn.io.write.atom_list import Listing, list_atoms
from protein_enn.structure import Structure

Writer = Callable[[Listing, str, bool, str], bytes]


def document(structure: Structure, b_factors: NDArray[np.float32] | None, format: str, file: str) -> bytes:
    """The structure with its hetero atoms as a new file.

    Protein chains come first, then nucleic acids, then the rest in its order; the atoms of a modified residue are
    together.

    Parameters
    ----------
    structure
        n residues.
    b_factors
        (n, 37) values of the B-factor column; None: those of the structure.
    format
        The name of the format.
    file
        Name for messages.

    Raises
    ------
    WriteError
        The format cannot hold the structure.
    """
    listing = list_atoms(structure, structure.b_factors.numpy() if b_factors is None else b_factors, file)
    table = listing.table
    for what, column in (("an occupancy", table.occupancies), ("a B factor", table.b_factors)):
        if not np.isfinite(column).all():
            residue = table.residue_id(int(np.argmin(np.isfinite(column))))
            raise WriteError(f"{file}: residue {residue} has {what} that is not finite; give it a number")
    writer: Writer = load(FORMATS[format].writer)
    return writer(listing, structure.name, structure.predicted and b_factors is None, file)
