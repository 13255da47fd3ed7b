"""Pairs of sequences that may be related, without comparing all with all.

Spaced k-mers of two patterns are looked up in an index: four letters of the twenty as `11011`, and five of an alphabet
of fifteen classes as `1101011`. Around each pair of equal k-mers the best ungapped stretch is scored with BLOSUM62, in
at most 39 columns; a pair is proposed where that reaches 40 half bits. The cost of a pattern is the number of pairs of
equal k-mers, some n^2 / 300,000 for n residues.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from protein_enn import chemistry
from protein_enn.metrics.alignment import blosum62

CLASSES = "LVIM C A G ST P FYW E D N Q KR H"
"""Letters that replace each other often, as one: the fifteen letters of Murphy et al. (2000) Protein Eng. 13:149."""
PATTERNS = ((" ".join(chemistry.AMINO_ACIDS), "11011"), (CLASSES, "1101011"))
LEAST_SCORE = 40
HALF = 16
"""Columns before the first letter of a k-mer that are scored, and after its last letter."""
OCCURRENCES = 2000
"""A k-mer is paired with so many equal ones that follow it, at most: it bounds the cost of repeats."""
_UNKNOWN = len(chemistry.AMINO_ACIDS)
_LONGEST = max(len(pattern) for _, pattern in PATTERNS)
_SLICE = 1 << 20  # pairs of k-mers scored at once: some 10 MB


def proposals(sequences: Sequence[str], sides: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """Pairs of sequences that may be related, the most alike first.

    Parameters
    ----------
    sequences
        One-letter codes.
    sides
        Where given, of each sequence: only pairs of different sides are proposed.

    Returns
    -------
    list of (int, int)
        Rows i < j.

    Examples
    --------
    >>> proposals(["MKTAYIAKQRQISFVK", "GGGGGGGGGG", "MKTAYIAKQRQISFVR"])
    [(0, 2)]
    """
    n = len(sequences)
    side = None if sides is None else np.asarray(sides)
    text, starts = _text(sequences)
    best: dict[int, int] = {}
    for classes, pattern in PATTERNS:
        for first, second in _equal_kmers(text, starts, sequences, classes, pattern):
            i, j = _owner(starts, first), _owner(starts, second)
            kept = i != j if side is None else side[i] != side[j]
            first, second, i, j = first[kept], second[kept], i[kept], j[kept]
            score = _stretch(text, first, second, len(pattern))
            kept = score >= LEAST_SCORE
            for pair, value in zip((i[kept] * n + j[kept]).tolist(), score[kept].tolist(), strict=True):
                if value > best.get(pair, 0):
                    best[pair] = value
    return [divmod(pair, n) for pair, _ in sorted(best.items(), key=lambda item: (-item[1], item[0]))]


def _text(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """All sequences as codes in one array, with enough unknowns between that no stretch spans two, and their starts."""
    codes = np.full(256, _UNKNOWN, dtype=np.uint8)
    codes[[ord(letter) for letter in chemistry.AMINO_ACIDS]] = np.arange(_UNKNOWN)
    gap = np.full(2 * HALF + _LONGEST, _UNKNOWN, dtype=np.uint8)
    parts, starts, start = [gap], [], len(gap)
    for sequence in sequences:
        starts.append(start)
        parts += [codes[np.frombuffer(sequence.encode("latin-1", "replace"), dtype=np.uint8)], gap]
        start += len(sequence) + len(gap)
    return np.concatenate(parts), np.array(starts, dtype=np.int64)


def _owner(starts: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return np.searchsorted(starts, positions, side="right") - 1


def _equal_kmers(
    text: np.ndarray, starts: np.ndarray, sequences: Sequence[str], classes: str, pattern: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions (first < second) of equal k-mers, slice by slice."""
    kmers, positions = _kmers(text, classes, pattern)
    order = np.argsort(kmers, kind="stable")
    kmers, positions = kmers[order], positions[order]
    if not len(kmers):
        return
    breaks = np.flatnonzero(np.r_[True, kmers[1:] != kmers[:-1], True])
    left = np.repeat(breaks[1:], np.diff(breaks)) - np.arange(len(kmers)) - 1  # equal k-mers that follow each
    for step in range(1, min(OCCURRENCES, int(left.max(initial=0))) + 1):
        firsts = np.flatnonzero(left >= step)
        for start in range(0, len(firsts), _SLICE):
            rows = firsts[start : start + _SLICE]
            yield positions[rows], positions[rows + step]


def _kmers(text: np.ndarray, classes: str, pattern: str) -> tuple[np.ndarray, np.ndarray]:
    """The k-mers of known letters as numbers, and the position of each in the text."""
    groups = classes.split()
    group = np.full(_UNKNOWN + 1, -1, dtype=np.int64)
    for k, letters in enumerate(groups):
        group[[chemistry.AMINO_ACIDS.index(letter) for letter in letters]] = k
    letters = group[text]
    count = len(text) - len(pattern) + 1
    kmers, known = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
    for offset in (k for k, mark in enumerate(pattern) if mark == "1"):
        letter = letters[offset : offset + count]
        known &= letter >= 0
        kmers = kmers * len(groups) + np.maximum(letter, 0)
    positions = np.flatnonzero(known)
    return kmers[positions], positions


@cache
def _matrix() -> np.ndarray:
    matrix = np.full((_UNKNOWN + 1, _UNKNOWN + 1), -20, dtype=np.int16)  # an unknown letter ends a stretch
    matrix[:_UNKNOWN, :_UNKNOWN] = blosum62()
    return matrix


def _stretch(text: np.ndarray, first: np.ndarray, second: np.ndarray, width: int) -> np.ndarray:
    """The score of the best ungapped stretch around each pair of positions, half bits."""
    matrix = _matrix()
    best, running = np.zeros(len(first), dtype=np.int16), np.zeros(len(first), dtype=np.int16)
    for offset in range(-HALF, HALF + width):
        running = np.maximum(running + matrix[text[first + offset], text[second + offset]], 0)
        np.maximum(best, running, out=best)
    return best
