"""Which residues belong to the protein: amino acids may be ligands too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.components import component
from protein_enn.io.convert.conformers import Grouping

NEAR_CA = 4.5
"""Å, largest distance between CAs of bonded residues, used where C or N is missing."""


def protein_groups(grouping: Grouping, slots: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each residue is protein; `slots` of the atoms, -1 without a slot.

    An amino acid in ATOM records is protein if it has an atom with a slot; without a parent among the standard twenty
    (UNK) only if it has a CA. An amino acid in HETATM records is protein if it has a CA and is a modified residue of
    the dictionary, is bonded to a neighbor, or is numbered within the sequence. A residue that is not in the dictionary
    is protein if it has N, CA and C, and its record is ATOM, or it is bonded or numbered as above. Where this decides
    nothing in a chain of several candidates, or in a file, they count as protein.
    """
    table, group, starts = grouping.table, grouping.group, grouping.starts
    n, ca, c, own = np.zeros((4, len(starts)), dtype=bool)
    for mask, atom in ((n, "N"), (ca, "CA"), (c, "C")):
        mask[group[table.names.are(atom)]] = True
    own[group[slots >= 0]] = True
    names = table.residue_names.take(starts)
    amino = names.map(lambda name: component(name).amino, bool)
    typed = names.map(lambda name: component(name).residue != chemistry.UNKNOWN, bool)
    amino = (amino & typed & ~table.hetero[starts] & own) | (amino & ca)
    unknown = names.map(lambda name: not component(name).known, bool) & n & ca & c
    ambiguous = unknown | (amino & names.map(chemistry.RESIDUE_INDEX.__contains__, bool))
    ambiguous &= table.hetero[starts]
    if not ambiguous.any():
        return amino | unknown
    in_polymer = table.in_polymer[starts]
    candidates = amino | unknown
    part_of_chain = in_polymer == 1
    unresolved = np.flatnonzero(ambiguous & (in_polymer == -1))
    if len(unresolved):
        part_of_chain[unresolved] = _bonded(grouping, candidates)[unresolved]
    certain = candidates & (~ambiguous | part_of_chain)
    # What its surroundings do not decide is protein in a chain of several, or a file, without other protein.
    chain = table.chains.codes[starts]
    has_protein, several = np.zeros((2, int(chain.max()) + 1), dtype=bool)
    has_protein[chain[certain]] = True
    undecided = candidates & (in_polymer == -1) & ~unknown & ~has_protein[chain]
    several[np.flatnonzero(np.bincount(chain[undecided]) > 1)] = True
    result = certain | (undecided & several[chain])
    return next((chosen for chosen in (result, undecided) if chosen.any()), candidates)


def _bonded(grouping: Grouping, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each residue is bonded to the candidate before or after it in its chain."""
    table, group, starts = grouping.table, grouping.group, grouping.starts
    backbone_positions = np.full((3, len(starts), 3), np.nan)
    for i, atom in enumerate(("N", "CA", "C")):
        rows = np.flatnonzero(table.names.are(atom))[::-1]  # the first of several counts
        backbone_positions[i, group[rows]] = table.positions[rows]
    order = np.flatnonzero(candidates)
    order = order[np.argsort(table.chains.codes[starts[order]], kind="stable")]
    before, after = order[:-1], order[1:]
    same = table.chains.codes[starts[before]] == table.chains.codes[starts[after]]
    peptide = np.linalg.norm(backbone_positions[2, before] - backbone_positions[0, after], axis=1)
    ca_bonded = np.linalg.norm(backbone_positions[1, before] - backbone_positions[1, after], axis=1) < NEAR_CA
    bonded = same & np.where(np.isnan(peptide), ca_bonded, peptide < chemistry.PEPTIDE_BREAK)
    result = np.zeros(len(starts), dtype=bool)
    result[before[bonded]] = True
    result[after[bonded]] = True
    return result
