"""Chain breaks, found by distance: residue numbers may jump without a break, or continue across one."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from protein_enn import chemistry
from protein_enn.io.checks.lengths import lengths
from protein_enn.structure import Structure
from protein_enn.structure.audit import Gap

CA_BREAK = 4.5
"""Å between CAs, used where C or N is missing; CAs of bonded residues are 2.9 (cis) or 3.8 apart."""


def find_gaps(structure: Structure) -> tuple[Gap, ...]:
    """Consecutive residues of one chain, in file order, that are not bonded to each other (`bonded_to_next`).

    Where neither C-N nor CA-CA can be measured the distance is None.
    """
    distance, peptide, trace = _measure(structure)
    chains = structure.chains.numpy()
    rows = np.flatnonzero((chains[1:] == chains[:-1]) & ~_are_near(distance, peptide, trace))
    measurable, distances = (peptide | trace)[rows].tolist(), distance[rows].tolist()
    return tuple(
        Gap(
            after=structure.residue_id(i),
            before=structure.residue_id(i + 1),
            missing=_missing_residues(structure, i),
            distance=round(distance, 2) if is_measured else None,
        )
        for i, distance, is_measured in zip(rows.tolist(), distances, measurable, strict=True)
    )


def bonded_to_next(structure: Structure) -> Bool[np.ndarray, "m"]:
    """Whether each residue but the last is bonded to the next one of its chain.

    Bonded means C-N within `chemistry.PEPTIDE_BREAK`; where C or N is missing, CA-CA within CA_BREAK. Where a CA is
    missing too, the residues count as not bonded.
    """
    chains = structure.chains.numpy()
    return _are_near(*_measure(structure)) & (chains[1:] == chains[:-1])


def _are_near(
    distance: Float[np.ndarray, "m"], peptide: Bool[np.ndarray, "m"], trace: Bool[np.ndarray, "m"]
) -> Bool[np.ndarray, "m"]:
    return np.where(peptide, distance <= chemistry.PEPTIDE_BREAK, trace & (distance <= CA_BREAK))


def _measure(
    structure: Structure,
) -> tuple[Float[np.ndarray, "m"], Bool[np.ndarray, "m"], Bool[np.ndarray, "m"]]:
    """Å to the next residue from C to N, else from CA to CA; whether the first and the second pair is present."""
    ca, present, x = chemistry.CA, structure.present.numpy(), structure.positions.numpy()
    peptide = present[:-1, chemistry.C] & present[1:, chemistry.N]
    trace = present[:-1, ca] & present[1:, ca]
    from_atom = x[:-1, chemistry.C], x[:-1, ca]
    to_atom = x[1:, chemistry.N], x[1:, ca]
    step = np.where(peptide[:, None], to_atom[0] - from_atom[0], to_atom[1] - from_atom[1])
    return lengths(step), peptide, trace


def _missing_residues(structure: Structure, i: int) -> int | None:
    """How many residues the numbers leave out after residue i, by label numbers, else by author numbers."""
    steps = [int(numbers[i + 1] - numbers[i]) for numbers in (structure.label_numbers, structure.numbers)]
    ascending = [step for step in steps if step > 1] or [step for step in steps if step == 1]
    return ascending[0] - 1 if ascending else None
