"""Chain breaks, found by distance: residue numbers may jump without a break, or continue across one."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.audit import Gap

CA_BREAK = 4.5
"""Å between CAs, used where C or N is missing; CAs of bonded residues are 2.9 (cis) or 3.8 apart."""


def find_gaps(structure: Structure) -> tuple[Gap, ...]:
    """Consecutive residues of one chain, in file order, that are not bonded to each other (`bonded_to_next`).

    Where neither C-N nor CA-CA can be measured the distance is None.
    """
    distance, peptide, trace = _measure(structure)
    one_chain = structure.chains[1:] == structure.chains[:-1]
    rows = (one_chain & ~_are_near(distance, peptide, trace)).nonzero()[:, 0]
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


def bonded_to_next(structure: Structure) -> Bool[Tensor, "m"]:
    """Whether each residue but the last is bonded to the next one of its chain.

    Bonded means C-N within `chemistry.PEPTIDE_BREAK`; where C or N is missing, CA-CA within CA_BREAK. Where a CA is
    missing too, the residues count as not bonded.
    """
    return _are_near(*_measure(structure)) & (structure.chains[1:] == structure.chains[:-1])


def _are_near(distance: Float[Tensor, "m"], peptide: Bool[Tensor, "m"], trace: Bool[Tensor, "m"]) -> Bool[Tensor, "m"]:
    return torch.where(peptide, distance <= chemistry.PEPTIDE_BREAK, trace & (distance <= CA_BREAK))


def _measure(structure: Structure) -> tuple[Float[Tensor, "m"], Bool[Tensor, "m"], Bool[Tensor, "m"]]:
    """Å to the next residue from C to N, else from CA to CA; whether the first and the second pair is present."""
    ca, present = chemistry.CA, structure.present
    peptide = present[:-1, chemistry.C] & present[1:, chemistry.N]
    trace = present[:-1, ca] & present[1:, ca]
    peptide_lengths = _next_distances(structure, chemistry.C, chemistry.N)
    return torch.where(peptide, peptide_lengths, _next_distances(structure, ca, ca)), peptide, trace


def _next_distances(structure: Structure, atom: int, following: int) -> Float[Tensor, "m"]:
    """Å from an atom of each residue to one of the next."""
    return torch.linalg.vector_norm(structure.positions[1:, following] - structure.positions[:-1, atom], dim=-1)


def _missing_residues(structure: Structure, i: int) -> int | None:
    """How many residues the numbers leave out after residue i, by label numbers, else by author numbers."""
    steps = [int(numbers[i + 1] - numbers[i]) for numbers in (structure.label_numbers, structure.numbers)]
    ascending = [step for step in steps if step > 1] or [step for step in steps if step == 1]
    return ascending[0] - 1 if ascending else None
