"""Column 21 of a PDB file: the fourth letter of a residue name, or the first of a chain id of two characters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.components import FOUR_LETTER_NAMES, NUCLEIC, WATER, component
from protein_enn.io.table.labels import Labels


def residues_and_chains(
    wide: Labels, residues: Labels, both: Labels, chains: Labels, has_segment: NDArray[np.bool_]
) -> tuple[Labels, Labels]:
    """Residue names and chain ids, decided for each line.

    A chain id of two characters is one that amino acids, nucleotides or waters have. In other lines column 21 completes
    a four-letter name of a force field (POPC, TIP3, CYS2), or any name where the line has a segment id, as in CHARMM.

    Parameters
    ----------
    wide, residues
        Columns 18-21 and 18-20.
    both, chains
        Columns 21-22 and 22.
    has_segment
        Whether columns 73-76 hold something.
    """
    used = both.map(lambda value: len(value) > 1, bool)
    known = wide.map(FOUR_LETTER_NAMES.__contains__, bool)
    evidence = used & ~known & residues.map(_is_polymer_or_water, bool)
    two_characters = np.zeros(len(both.values), dtype=bool)
    two_characters[both.codes[evidence]] = True
    four = used & ~two_characters[both.codes] & (known | has_segment)
    return _choose(four, wide, residues), _choose(four, chains, both)


def _is_polymer_or_water(name: str) -> bool:
    found = component(name)
    return found.amino or found.kind in (NUCLEIC, WATER)


def _choose(first: NDArray[np.bool_], one: Labels, other: Labels) -> Labels:
    """The texts of `one` where `first`, else those of `other`."""
    codes = np.where(first, one.codes, other.codes + len(one.values))
    return Labels((*one.values, *other.values), codes).renamed(str)
