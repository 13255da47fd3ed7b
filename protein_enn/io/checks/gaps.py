"""Where a chain is not bonded from one residue to the next: by distance, since numbers may jump, or run on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure
from protein_enn.structure.audit import Gap

CA_BREAK = 4.5
"""Å between CAs, which tell where C or N is missing; bonded ones stand 2.9 (cis) or 3.8 apart."""


def find_gaps(structure: Structure) -> tuple[Gap, ...]:
    """Neighbours in one chain, in file order, that are not bonded to each other.

    Bonded means C-N within `chemistry.PEPTIDE_BREAK`; where C or N is missing, CA-CA within CA_BREAK. Where a CA is
    missing as well nothing shows a bond, and the distance is None.
    """
    ca, present = chemistry.CA, structure.present
    peptide = present[:-1, chemistry.C] & present[1:, chemistry.N]
    trace = present[:-1, ca] & present[1:, ca]
    between = _distance(structure, chemistry.C, chemistry.N)
    along = _distance(structure, ca, ca)
    bonded = torch.where(peptide, between <= chemistry.PEPTIDE_BREAK, trace & (along <= CA_BREAK))
    rows = ((structure.chains[1:] == structure.chains[:-1]) & ~bonded).nonzero()[:, 0]
    known = (peptide | trace)[rows].tolist()
    distances = torch.where(peptide, between, along)[rows].tolist()
    return tuple(
        Gap(
            after=structure.residue_id(i),
            before=structure.residue_id(i + 1),
            missing=_missing(structure, i),
            distance=round(distance, 2) if there else None,
        )
        for i, distance, there in zip(rows.tolist(), distances, known, strict=True)
    )


def _distance(structure: Structure, atom: int, following: int) -> Float[Tensor, "m"]:
    """Å from an atom of each residue to one of the next."""
    return torch.linalg.vector_norm(structure.positions[1:, following] - structure.positions[:-1, atom], dim=-1)


def _missing(structure: Structure, i: int) -> int | None:
    """Residues that the numbers leave out after residue i: the label's word first, then the author's."""
    steps = [int(numbers[i + 1] - numbers[i]) for numbers in (structure.label_numbers, structure.numbers)]
    ascending = [step for step in steps if step > 1] or [step for step in steps if step == 1]
    return ascending[0] - 1 if ascending else None
