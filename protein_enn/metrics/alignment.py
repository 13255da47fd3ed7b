"""Alignment of sequences: which residue of one chain corresponds to which of another, and whether two are related."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.copies import best_copies
from protein_enn.structure import Structure

SCORINGS: Mapping[str, Mapping[str, Any]] = {
    "identity": {
        "mode": "global", "match_score": 2, "mismatch_score": -1, "open_gap_score": -3, "extend_gap_score": -0.1,
        "end_gap_score": 0, "wildcard": "X",
    },
    "global BLOSUM62": {"mode": "global", "open_gap_score": -11, "extend_gap_score": -1, "end_gap_score": 0},
    "local BLOSUM62": {"mode": "local", "open_gap_score": -11, "extend_gap_score": -1},
}  # fmt: skip
"""Settings of Biopython's aligner, set in this order: a gap of k residues costs open + (k - 1) extend. Global
alignments have free ends. `identity` is for one protein in two files, the others are for relatives."""

LAMBDA, K = 0.267, 0.041
"""Of BLOSUM62 with gaps of -11 and -1 (Altschul & Gish (1996) Methods Enzymol. 266:460)."""
DATABASE = 1e6
"""Residues among which a hit is to be rare: fixed, so that two chains are related or not whatever else there is."""
E_VALUE = 1e-3

LEAST_IDENTITY = 0.2
LEAST_COVERAGE = 0.6
"""Fractions of the shorter chain: of equal and of paired residues."""
LEAST_RESIDUES = 30


@cache
def aligner(scoring: str) -> Any:
    """Biopython's pairwise aligner with one of `SCORINGS`; it is shared: do not change its settings.

    In BLOSUM62 ``*``, a stop, scores -4 with everything.
    """
    from Bio.Align import PairwiseAligner, substitution_matrices  # slow to import; scoring needs no alignment

    made = PairwiseAligner(**SCORINGS[scoring])
    if scoring.endswith("BLOSUM62"):
        made.substitution_matrix = substitution_matrices.load("BLOSUM62")
        made.substitution_matrix["*", "*"] = -4.0
    return made


def aligned_positions(first: str, second: str, scoring: str) -> tuple[list[int], list[int]]:
    """The positions that the best alignment pairs, in both sequences.

    Parameters
    ----------
    first, second
        One-letter sequences; neither may be empty.
    scoring
        One of `SCORINGS`.

    Returns
    -------
    tuple of list of int
        Positions in the first and in the second, counted from 0. Of alignments that score the same, Biopython's
        first.

    Examples
    --------
    >>> aligned_positions("HEAGAWGHE", "PAWHE", "local BLOSUM62")
    ([4, 5, 7, 8], [1, 2, 3, 4])
    """
    ours, theirs = (
        [k for start, stop in spans for k in range(start, stop)]
        for spans in aligner(scoring).align(first, second)[0].aligned
    )
    return ours, theirs


def match_residues(
    model: Structure,
    native: Structure,
    model_chain: str | None = None,
    native_chain: str | None = None,
    *,
    copies: bool = False,
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Which residue of a model is which residue of the native: by sequence, not by numbering.

    Chains are aligned globally; pairs with different or unknown amino acids are left out. The pair of chains with the
    most equal residues is joined first, ties in file order, and each chain is joined at most once.

    Parameters
    ----------
    model, native
        The two structures.
    model_chain, native_chain
        Match only this chain; without one all chains take part.
    copies
        Join copies of a chain as gives the least CA RMSD. Otherwise their order in the files decides.

    Returns
    -------
    tuple of Tensor
        Rows of the model and rows of the native that are the same residue, in rising order of the model's chains.

    Raises
    ------
    ValueError
        A chain is not there.
    """
    ours, theirs = _chains(model, model_chain), _chains(native, native_chain)
    pairs = {
        (a, b): (ours[a][i], theirs[b][j])
        for a in ours
        for b in theirs
        for i, j in [_equal_positions(_letters(model, ours[a]), _letters(native, theirs[b]))]
    }
    ranked = sorted((pair for pair in pairs if len(pairs[pair][0])), key=lambda pair: -len(pairs[pair][0]))
    joined = _first_come(ranked)
    if copies:
        joined = best_copies(model, native, pairs, joined)
    none = torch.zeros(0, dtype=torch.long)
    matched = [pairs[a, joined[a]] for a in sorted(joined)]
    return torch.cat([none, *(i for i, _ in matched)]), torch.cat([none, *(j for _, j in matched)])


def match_warning(matched: int, model: int, native: int) -> str | None:
    """Why a comparison of so many matched residues says little; None where at least half of the smaller one match.

    Sequences that have nothing to do with each other align with some 20 to 30 % equal residues; relatives that
    compare well have more than half.
    """
    smaller = min(model, native)
    if 2 * matched >= smaller:
        return None
    return f"{matched} of {smaller} residues match the native ({matched / smaller:.0%}): is it the right one?"


def merged_chains(model: Structure, native: Structure) -> str | None:
    """Why part of a model was not compared: one of its chains holds several chains of the native. None: none does."""
    ours, theirs = match_residues(model, native, copies=True)
    free = torch.ones(len(model), dtype=torch.bool)
    free[ours] = False
    taken = native.chains[theirs].unique().tolist()
    merged: dict[int, list[int]] = {}
    for chain in model.chains[ours].unique().tolist():
        own = (model.chains == chain) & free
        for other, rows in _chains(native, None).items():
            if other in taken or not own.any():
                continue
            first, _ = _equal_positions(_letters(model, own.nonzero()[:, 0]), _letters(native, rows))
            if len(first) >= LEAST_COVERAGE * len(rows):
                partner = int(native.chains[theirs[model.chains[ours] == chain]][0])
                merged.setdefault(chain, [partner]).append(other)
                own[own.nonzero()[first, 0]] = False
                taken.append(other)
    parts = [
        f"chain {model.chain_ids[chain]} holds chains {', '.join(native.chain_ids[k] for k in parts)} of the native"
        for chain, parts in merged.items()
    ]
    return f"{'; '.join(parts)}: one of them is compared, give the model's chains ids of their own" if parts else None


def align_relatives(first: Structure, second: Structure) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Which residue of a protein corresponds to which of a relative, of those that have N, CA, C and O in both.

    Parameters
    ----------
    first, second
        Single chains, aligned globally with BLOSUM62.

    Returns
    -------
    tuple of Tensor
        Rows of the first and of the second that the alignment pairs; unknown residues are left out.

    Raises
    ------
    ValueError
        Too little of the chains is alike for one to be a model of the other.
    """
    paired = aligned_positions(first.sequence, second.sequence, "global BLOSUM62")
    i, j = (torch.tensor(positions, dtype=torch.long) for positions in paired)
    backbone = list(chemistry.BACKBONE)
    whole = first.present[i][:, backbone].all(1) & second.present[j][:, backbone].all(1)
    known = (first.residues[i] != chemistry.UNKNOWN) & (second.residues[j] != chemistry.UNKNOWN)
    i, j = i[whole & known], j[whole & known]
    shorter = min(len(first), len(second))
    equal = int((first.residues[i] == second.residues[j]).sum())
    if len(i) < max(LEAST_RESIDUES, LEAST_COVERAGE * shorter) or equal < LEAST_IDENTITY * shorter:
        raise ValueError(f"{first.name}: {len(i)} residues pair with {second.name}, {equal} of them equal: too few")
    return i, j


@dataclass(frozen=True)
class Homology:
    """A local alignment (BLOSUM62, a gap of k residues costs 10 + k)."""

    identity: float  # equal letters per column, gaps counted
    coverage: float  # fraction of the shorter sequence from the first to the last aligned residue
    score: float  # of BLOSUM62, half bits

    def related(self, identity: float, coverage: float) -> bool:
        """Whether both fractions reach these."""
        return self.identity >= identity and self.coverage >= coverage


def homology(first: str, second: str) -> Homology | None:
    """The best local alignment of two sequences, whatever their order.

    Parameters
    ----------
    first, second
        One-letter sequences. Letters other than the twenty match nothing.

    Returns
    -------
    Homology or None
        None where chance gives as good an alignment: E = K m n exp(-lambda S) is above 0.001, with m residues in the
        shorter sequence and n = 10^6.
    """
    first, second = sorted((first, second), key=lambda s: (len(s), s))  # ties of alignments must not depend on order
    if not first:
        return None
    shorter, longer = _known(first), _known(second)
    score = float(aligner("local BLOSUM62").score(shorter, longer))
    if first == second:
        return Homology(1.0, 1.0, score)
    if score < least_score(len(shorter)):
        return None
    ours, theirs = aligned_positions(shorter, longer, "local BLOSUM62")
    equal = sum(first[i] == second[j] and first[i] in chemistry.AMINO_ACIDS for i, j in zip(ours, theirs, strict=True))
    width, other = ours[-1] + 1 - ours[0], theirs[-1] + 1 - theirs[0]
    columns = width + other - len(ours)
    return Homology(equal / columns, width / len(shorter), score)


def least_score(length: int) -> float:
    """The score (half bits) at which E is 0.001 for a sequence of this length."""
    return math.log(K * length * DATABASE / E_VALUE) / LAMBDA


def blosum62() -> list[list[int]]:
    """BLOSUM62 in the order of chemistry.AMINO_ACIDS, half bits (Henikoff & Henikoff (1992) PNAS 89:10915)."""
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")
    return [[int(matrix[a, b]) for b in chemistry.AMINO_ACIDS] for a in chemistry.AMINO_ACIDS]


def _first_come(ranked: list[tuple[int, int]]) -> dict[int, int]:
    """Model chain -> native chain, taking pairs in this order as long as both chains are free."""
    joined: dict[int, int] = {}
    for a, b in ranked:
        if a not in joined and b not in joined.values():
            joined[a] = b
    return joined


def _chains(structure: Structure, chain: str | None) -> dict[int, Int[Tensor, "c"]]:
    """Rows of each chain that takes part."""
    if chain is not None and chain not in structure.chain_ids:
        present = ", ".join(structure.chain_ids) or "none"
        raise ValueError(f"{structure.name}: no chain {chain!r}; there are {present}")
    chosen = [k for k, name in enumerate(structure.chain_ids) if chain in (None, name)]
    rows = {k: (structure.chains == k).nonzero()[:, 0] for k in chosen}
    return {k: members for k, members in rows.items() if len(members)}


def _letters(structure: Structure, rows: Int[Tensor, "c"]) -> str:
    """One-letter sequence of the rows."""
    return "".join(chemistry.LETTERS[i] for i in structure.residues[rows].tolist())


def _equal_positions(a: str, b: str) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Positions of equal, known letters in a global alignment."""
    every = list(range(len(a)))
    ours, theirs = (every, every) if a == b else aligned_positions(a, b, "identity")
    equal = [(i, j) for i, j in zip(ours, theirs, strict=True) if a[i] == b[j] != "X"]
    i, j = torch.tensor(equal, dtype=torch.long).reshape(-1, 2).unbind(1)
    return i, j


def _known(sequence: str) -> str:
    """Letters the matrix holds: what is none of the twenty becomes the matrix's stop, which matches nothing."""
    return "".join(letter if letter in chemistry.AMINO_ACIDS else "*" for letter in sequence)
