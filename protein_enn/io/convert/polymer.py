"""Which residues belong to the protein, and which are ligands however much they look like amino acids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.components import component
from protein_enn.io.convert.conformers import Grouping

NEAR_CA = 4.5
"""Å between the CAs of bonded residues at most, asked where C or N is missing."""


def protein_groups(grouping: Grouping, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each residue is protein; `slots` of its atoms, -1 where they are not its own.

    An amino acid with an atom of its own in ATOM records is; in HETATM records, one that has a CA and is a modified
    residue that the dictionary knows, or is bonded to a neighbour, or numbered within the sequence. So is a residue
    that the dictionary does not know when it has N, CA and C and the same holds. What cannot be told counts where there
    is nothing else.
    """
    table, group, starts = grouping.table, grouping.group, grouping.starts
    n, ca, c, own = np.zeros((4, len(starts)), dtype=bool)
    for mask, atom in ((n, "N"), (ca, "CA"), (c, "C")):
        mask[group[table.names.are(atom)]] = True
    own[group[slots >= 0]] = True
    names = table.residue_names.take(starts)
    amino = names.map(lambda name: component(name).amino, bool)
    amino = (amino & ~table.hetero[starts] & own) | (amino & ca)
    unknown = names.map(lambda name: not component(name).known, bool) & n & ca & c
    doubtful = unknown | (amino & names.map(chemistry.RESIDUE_INDEX.__contains__, bool))
    doubtful &= table.hetero[starts]
    if not doubtful.any():
        return amino | unknown
    sequenced = table.sequenced[starts]
    candidates = amino | unknown
    part_of_chain = sequenced == 1
    asked = np.flatnonzero(doubtful & (sequenced == -1))
    if len(asked):
        part_of_chain[asked] = _bonded(grouping, candidates)[asked]
    certain = candidates & (~doubtful | part_of_chain)
    # What cannot be told from its surroundings is protein in a chain, or a file, that holds nothing else.
    chain = table.chains.codes[starts]
    settled = np.zeros(int(chain.max()) + 1, dtype=bool)
    settled[chain[certain]] = True
    alone = candidates & (sequenced == -1) & ~settled[chain] & ~unknown
    result = certain | alone
    return result if result.any() else candidates


def _bonded(grouping: Grouping, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each residue is bonded to the candidate before or after it in its chain."""
    table, group, starts = grouping.table, grouping.group, grouping.starts
    places = np.full((3, len(starts), 3), np.nan)
    for i, atom in enumerate(("N", "CA", "C")):
        rows = np.flatnonzero(table.names.are(atom))[::-1]  # of several the first one counts
        places[i, group[rows]] = table.positions[rows]
    order = np.flatnonzero(candidates)
    order = order[np.argsort(table.chains.codes[starts[order]], kind="stable")]
    before, after = order[:-1], order[1:]
    same = table.chains.codes[starts[before]] == table.chains.codes[starts[after]]
    peptide = np.linalg.norm(places[2, before] - places[0, after], axis=1)
    near = np.linalg.norm(places[1, before] - places[1, after], axis=1) < NEAR_CA
    joined = same & np.where(np.isnan(peptide), near, peptide < chemistry.PEPTIDE_BREAK)
    result = np.zeros(len(starts), dtype=bool)
    result[before[joined]] = True
    result[after[joined]] = True
    return result
