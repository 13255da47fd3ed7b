"""Whether two sequences are related closely enough for what was learned of one to be known of the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from Bio.Align import PairwiseAligner, substitution_matrices

from protein_enn import chemistry

LAMBDA, K = 0.267, 0.041
"""Of BLOSUM62 with gaps of -11 and -1 (Altschul & Gish (1996) Methods Enzymol. 266:460)."""
DATABASE = 1e6
"""Residues among which a hit is to be rare: fixed, so that two chains are related or not whatever else is there."""
E_VALUE = 1e-3


@dataclass(frozen=True)
class Homology:
    """A local alignment (BLOSUM62, a gap of k residues costs 10 + k)."""

    identity: float  # equal letters per column, gaps counted
    coverage: float  # share of the shorter sequence from the first to the last aligned residue
    score: float  # of BLOSUM62, half bits

    def related(self, identity: float, coverage: float) -> bool:
        """Whether both shares reach these."""
        return self.identity >= identity and self.coverage >= coverage


def homology(first: str, second: str) -> Homology | None:
    """The best local alignment of two sequences, or None where chance gives as good a one (E > 0.001).

    E = K m n exp(-lambda S) with m residues in the shorter sequence and n = 10^6. Letters other than the twenty match
    nothing.
    """
    first, second = sorted((first, second), key=lambda s: (len(s), s))  # ties of alignments must not depend on order
    if not first:
        return None
    if first == second:
        return Homology(1.0, 1.0, float(_aligner().score(_known(first), _known(first))))
    aligner, shorter, longer = _aligner(), _known(first), _known(second)
    score = float(aligner.score(shorter, longer))
    if score < least_score(len(shorter)):
        return None
    spans = aligner.align(shorter, longer)[0].aligned
    ours, theirs = spans
    blocks = zip(ours, theirs, strict=True)
    pairs = [(i, c + i - a) for (a, b), (c, _) in blocks for i in range(a, b)]
    equal = sum(first[i] == second[j] and first[i] in chemistry.AMINO_ACIDS for i, j in pairs)
    width, other = int(ours[-1][1] - ours[0][0]), int(theirs[-1][1] - theirs[0][0])
    columns = width + other - len(pairs)
    return Homology(equal / columns, width / len(shorter), score)


def least_score(length: int) -> float:
    """The score at which E is 0.001 for a sequence of this length."""
    return math.log(K * length * DATABASE / E_VALUE) / LAMBDA


def _known(sequence: str) -> str:
    """Letters the matrix holds: what is none of the twenty becomes the matrix's stop, which matches nothing."""
    return "".join(letter if letter in chemistry.AMINO_ACIDS else "*" for letter in sequence)


@cache
def _aligner() -> Any:
    aligner = PairwiseAligner(mode="local", open_gap_score=-11, extend_gap_score=-1)
    matrix = substitution_matrices.load("BLOSUM62")
    matrix["*", "*"] = -4.0
    aligner.substitution_matrix = matrix
    return aligner


def blosum62() -> list[list[int]]:
    """BLOSUM62 in the order of chemistry.AMINO_ACIDS, half bits (Henikoff & Henikoff (1992) PNAS 89:10915)."""
    matrix = substitution_matrices.load("BLOSUM62")
    return [[int(matrix[a, b]) for b in chemistry.AMINO_ACIDS] for a in chemistry.AMINO_ACIDS]
