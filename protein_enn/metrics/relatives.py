"""Which residue of a protein corresponds to which of a relative: by sequence alone."""

from __future__ import annotations

import torch
from Bio.Align import PairwiseAligner, substitution_matrices
from jaxtyping import Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import Structure

LEAST_IDENTITY = 0.2
LEAST_COVERAGE = 0.6
"""Shares of the shorter chain: of equal and of paired residues."""
LEAST_RESIDUES = 30


def align_relatives(first: Structure, second: Structure) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Rows that a global alignment pairs (BLOSUM62, gaps -11 and -1, free ends); both have N, CA, C and O.

    ValueError if too little of the chains is alike for one to be a model of the other.
    """
    aligner = PairwiseAligner(mode="global", open_gap_score=-11, extend_gap_score=-1, end_gap_score=0)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    ours, theirs = aligner.align(first.sequence, second.sequence)[0].aligned
    i, j = (
        torch.tensor([k for start, stop in spans for k in range(start, stop)], dtype=torch.long)
        for spans in (ours, theirs)
    )
    backbone = list(chemistry.BACKBONE)
    whole = first.present[i][:, backbone].all(1) & second.present[j][:, backbone].all(1)
    known = (first.residues[i] != chemistry.UNKNOWN) & (second.residues[j] != chemistry.UNKNOWN)
    i, j = i[whole & known], j[whole & known]
    shorter = min(len(first), len(second))
    equal = int((first.residues[i] == second.residues[j]).sum())
    if len(i) < max(LEAST_RESIDUES, LEAST_COVERAGE * shorter) or equal < LEAST_IDENTITY * shorter:
        raise ValueError(f"{first.name}: {len(i)} residues pair with {second.name}, {equal} of them equal: too few")
    return i, j
