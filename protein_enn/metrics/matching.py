"""Which residue of a model is which residue of the native: by sequence, not by numbering."""

from __future__ import annotations

import torch
from Bio.Align import PairwiseAligner
from jaxtyping import Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.copies import best_copies
from protein_enn.structure import Structure


def match_residues(
    model: Structure,
    native: Structure,
    model_chain: str | None = None,
    native_chain: str | None = None,
    *,
    copies: bool = False,
) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Rows of the two structures that are the same residue, in rising order of the model's chains.

    Chains are aligned globally; pairs with different or unknown amino acids are left out. Without a chain id all
    chains take part: the pair of chains with the most equal residues is joined first, ties in file order, and each
    chain is joined at most once, so which copy of a homo-oligomer meets which is not optimised unless `copies` asks
    for it: then copies are joined as gives the least CA RMSD. ValueError for a chain that is not there.
    """
    ours, theirs = _chains(model, model_chain), _chains(native, native_chain)
    pairs = {
        (a, b): (ours[a][i], theirs[b][j])
        for a in ours
        for b in theirs
        for i, j in [_align(_letters(model, ours[a]), _letters(native, theirs[b]))]
    }
    ranked = sorted((pair for pair in pairs if len(pairs[pair][0])), key=lambda pair: -len(pairs[pair][0]))
    joined = _first_come(ranked)
    if copies:
        joined = best_copies(model, native, pairs, joined)
    none = torch.zeros(0, dtype=torch.long)
    matched = [pairs[a, joined[a]] for a in sorted(joined)]
    return torch.cat([none, *(i for i, _ in matched)]), torch.cat([none, *(j for _, j in matched)])


def doubt(matched: int, model: int, native: int) -> str | None:
    """Why a comparison of so many matched residues says little; None where at least half of the smaller one match.

    Sequences that have nothing to do with each other align with some 20 to 30 % equal residues; relatives that
    compare well have more than half.
    """
    smaller = min(model, native)
    if 2 * matched >= smaller:
        return None
    return f"{matched} of {smaller} residues match the native ({matched / smaller:.0%}): is it the right one?"


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
    wanted = [k for k, name in enumerate(structure.chain_ids) if chain in (None, name)]
    rows = {k: (structure.chains == k).nonzero()[:, 0] for k in wanted}
    return {k: found for k, found in rows.items() if len(found)}


def _letters(structure: Structure, rows: Int[Tensor, "c"]) -> str:
    return "".join(chemistry.LETTERS[i] for i in structure.residues[rows].tolist())


def _align(a: str, b: str) -> tuple[Int[Tensor, "m"], Int[Tensor, "m"]]:
    """Positions of equal, known letters in a global alignment whose overhanging ends are free."""
    if a == b:
        i = j = torch.arange(len(a))
    else:
        aligner = PairwiseAligner(
            mode="global", match_score=2, mismatch_score=-1, open_gap_score=-3, extend_gap_score=-0.1,
            end_gap_score=0, wildcard="X",
        )  # fmt: skip
        ours, theirs = aligner.align(a, b)[0].aligned
        i = torch.tensor([k for start, stop in ours for k in range(start, stop)], dtype=torch.long)
        j = torch.tensor([k for start, stop in theirs for k in range(start, stop)], dtype=torch.long)
    equal = torch.tensor([a[x] == b[y] != "X" for x, y in zip(i.tolist(), j.tolist(), strict=True)], dtype=torch.bool)
    return i[equal], j[equal]
