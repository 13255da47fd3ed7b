"""The chains of a PDB file: a chain id that is used again after its TER is another chain, unless a bond goes on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.table.atoms import AtomTable
from protein_enn.io.table.labels import Labels, ranks
from protein_enn.structure.audit import EXAMPLES, Finding


def label_chains(table: AtomTable, ends: NDArray[np.int64]) -> AtomTable:
    """The table with label chain ids: "A", and "A2" after the first TER of chain A.

    A TER between two residues of one chain whose C and N are bonded (`chemistry.PEPTIDE_BREAK`) ends nothing: programs
    write TER wherever the numbers jump. The table then has a finding.

    Parameters
    ----------
    table
        The atoms of one model; its label chain ids are not used.
    ends
        Lines of the TER records.
    """
    chains = table.chains
    last = np.searchsorted(table.rows, ends) - 1  # the atom before each TER
    last = np.unique(last[last >= 0])
    if not len(last):
        return replace(table, label_chains=chains)
    part = np.zeros(len(table), dtype=np.int64)
    inside: list[int] = []
    for code in np.unique(chains.codes[last]).tolist():
        ours = np.flatnonzero(chains.codes == code)
        ends_here = last[chains.codes[last] == code]
        bonded = _bonded(table, ours, np.searchsorted(ours, ends_here))
        inside += ends_here[bonded].tolist()
        part[ours] = np.searchsorted(ends_here[~bonded], ours, side="left")
    width = int(part.max()) + 1
    labels = chains
    if width > 1:
        occurring, codes = ranks(chains.codes * width + part)  # only pairs that occur: their product may be large
        pairs = (divmod(code, width) for code in occurring.tolist())
        labels = Labels(tuple(chains.values[code] + (str(p + 1) if p else "") for code, p in pairs), codes).renamed(str)
    findings = (*table.findings, *([_finding(table, inside)] if inside else ()))
    return replace(table, label_chains=labels, findings=findings)


def _finding(table: AtomTable, inside: list[int]) -> Finding:
    places = tuple(table.residue_id(i) for i in inside[:EXAMPLES])
    message = f"{len(inside)} TER records stand between residues that are bonded: the chain goes on after them"
    return Finding("ter-inside-chain", "note", message, len(inside), places)


def _bonded(table: AtomTable, ours: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether C of the residue of each of `ends` (places in `ours`, the atoms of a chain) is bonded to the next N."""
    number, code = table.numbers[ours], table.insertion_codes.codes[ours]
    changed = (number[1:] != number[:-1]) | (code[1:] != code[:-1])
    residue = np.concatenate(([0], np.cumsum(changed)))
    place = np.full((2, int(residue[-1]) + 1, 3), np.nan)
    for i, atom in enumerate(("C", "N")):
        rows = np.flatnonzero(table.names.take(ours).are(atom) & table.has_position[ours])[::-1]  # the first one counts
        place[i, residue[rows]] = table.positions[ours[rows]]
    following = np.minimum(ends + 1, len(ours) - 1)
    distance = np.linalg.norm(place[0, residue[ends]] - place[1, residue[following]], axis=1)
    return (residue[following] != residue[ends]) & (distance < chemistry.PEPTIDE_BREAK)
