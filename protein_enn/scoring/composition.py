"""What a sequence looks like apart from any model: low complexity, charge, cysteines, glycosylation sites.

Residues that a structure does not resolve are not known: a window or a motif may span a gap.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from protein_enn.scoring.result import LOWER, Column

WINDOW, TRIGGER, EXTENSION = 12, 2.2, 2.5
"""Residues, bits, bits: the defaults of SEG (Wootton and Federhen 1993, Comput. Chem. 17:149)."""
MOTIF = re.compile(r"N(?=[^P][ST])")  # a lookahead, so that motifs may overlap
CHARGES = {"K": 1, "R": 1, "D": -1, "E": -1}
HYDROPHOBIC = "AILMFWV"

COMPOSITION = {
    "low_complexity": Column(None, LOWER, "fraction of residues in SEG-like segments: windows of 12 with low entropy"),
    "net_charge": Column("e", None, "K + R - D - E at pH 7; His and the ends of chains count as 0"),
    "cysteines": Column("residues", None, "cysteines in the chains that were designed"),
    "glycosylation_motifs": Column(None, None, "N-glycosylation motifs N-X-S/T, X not proline, in those chains"),
    "new_glycosylation_motifs": Column(None, LOWER, "those motifs where the input has none"),
    "hydrophobic": Column(None, None, "fraction of A, I, L, M, F, W and V in the chains that were designed"),
}
"""The columns, in their order."""


def composition(chains: Sequence[str], before: Sequence[str]) -> dict[str, float | int | None]:
    """The columns of these chains together; `before` holds the same chains as they were."""
    length = sum(map(len, chains))
    windows = [low_complexity(chain) for chain in chains]
    sites = [motifs(chain) for chain in chains]
    new = sum(len(now - motifs(then)) for now, then in zip(sites, before, strict=True))
    letters = Counter("".join(chains))
    return {
        "low_complexity": sum(map(sum, windows)) / length if any(map(len, windows)) else None,
        "net_charge": sum(charge * letters[letter] for letter, charge in CHARGES.items()),
        "cysteines": letters["C"],
        "glycosylation_motifs": sum(map(len, sites)),
        "new_glycosylation_motifs": new,
        "hydrophobic": sum(letters[letter] for letter in HYDROPHOBIC) / length if length else None,
    }


def entropy(window: str) -> float:
    """-sum_a p_a log2 p_a of the letters of a window, bits: SEG's complexity K2; 0 for one letter."""
    return -sum(count / len(window) * math.log2(count / len(window)) for count in Counter(window).values())


def low_complexity(sequence: str) -> list[bool]:
    """Which residues are of low complexity, as SEG's first stage finds them; empty for less than one window.

    Windows of 12 residues with an entropy of at most 2.5 bits that overlap one another make a segment, which counts if
    one of them has at most 2.2 bits. Windows with an unknown residue (X) do not count.
    """
    if len(sequence) < WINDOW:
        return []
    windows = [sequence[i : i + WINDOW] for i in range(len(sequence) - WINDOW + 1)]
    entropies = [math.inf if "X" in window else entropy(window) for window in windows]
    low = [False] * len(sequence)
    start = 0
    while start < len(entropies):
        end = start
        while end < len(entropies) and entropies[end] <= EXTENSION:
            end += 1
        if min(entropies[start:end], default=math.inf) <= TRIGGER:
            low[start : end - 1 + WINDOW] = [True] * (end - 1 + WINDOW - start)
        start = end + 1
    return low


def motifs(sequence: str) -> set[int]:
    """Where N-X-S/T begins, X any residue but proline: what N-glycosylation needs (Gavel and von Heijne 1990)."""
    return {match.start() for match in MOTIF.finditer(sequence)}
