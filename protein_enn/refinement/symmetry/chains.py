"""Which chains of a structure are copies of one another, and which of their residues correspond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.alignment import match_residues
from protein_enn.structure import Structure

IDENTICAL = 0.9
"""Share of the residues of the shorter chain that must be the same amino acid in the longer one."""
SHORTER = 0.6
"""How long the shorter chain must be at least, as a fraction of the longer one."""
FEWEST = 5
"""Residues with a CA that two chains must have in common: fewer do not determine their place."""


@dataclass(frozen=True, eq=False)
class AlikeChains:
    """g chains of one sequence, in file order, against the l residues of the longest of them."""

    chains: tuple[int, ...]  # g indices into chain_ids
    rows: Int[Tensor, "g l"]  # row of the structure, -1 where the chain lacks the residue
    ca: Float[Tensor, "g l 3"]  # float64, Å
    known: Bool[Tensor, "g l"]  # whether the CA is there

    def shared(self, chosen: Sequence[int]) -> Bool[Tensor, "l"]:
        """Residues whose CA is there in all of the chosen (places among the g)."""
        return self.known[list(chosen)].all(0)

    @property
    def centers(self) -> Float[Tensor, "g 3"]:
        """Mean CA position of each chain."""
        weights = self.known.double()[..., None]
        return (weights * self.ca).sum(1) / weights.sum(1)


def alike_chains(structure: Structure) -> list[AlikeChains]:
    """All sets of two chains or more with the same sequence, in file order of their first chain."""
    rows = {c: (structure.chains == c).nonzero()[:, 0] for c in range(len(structure.chain_ids))}
    rows = {c: r for c, r in rows.items() if int(structure.present[r, chemistry.CA].sum()) >= FEWEST}
    sets: list[dict[int, tuple[Tensor, Tensor]]] = []  # chain -> rows of the first of the set, rows of the chain
    for c in sorted(rows, key=lambda c: (-len(rows[c]), c)):  # the longest first: it can match all others
        for members in sets:
            first = next(iter(members))
            pair = corresponding(structure, rows[first], rows[c])
            if pair is not None:
                members[c] = pair
                break
        else:
            sets.append({c: (rows[c], rows[c])})
    found = [_table(structure, members) for members in sets if len(members) > 1]
    return sorted(found, key=lambda alike: alike.chains)


def corresponding(structure: Structure, one: Int[Tensor, "a"], two: Int[Tensor, "b"]) -> tuple[Tensor, Tensor] | None:
    """Rows of two chains that are the same residue of one sequence; None if the chains are not alike.

    By position where the sequences are equal, else by author number and insertion code, else by alignment: numbers
    tell on which side of a missing loop a residue stands, where an alignment would have to guess.
    """
    shorter = min(len(one), len(two))
    if shorter < SHORTER * max(len(one), len(two)):
        return None
    if len(one) == len(two) and torch.equal(structure.residues[one], structure.residues[two]):
        return one, two
    place = {_number(structure, i): i for i in one.tolist()}
    pairs = [(place[key], j) for j in two.tolist() if (key := _number(structure, j)) in place]
    by_number = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
    same = structure.residues[by_number[:, 0]] == structure.residues[by_number[:, 1]]
    if int(same.sum()) >= IDENTICAL * shorter:
        return by_number[same, 0], by_number[same, 1]
    i, j = match_residues(structure.take(one), structure.take(two))
    return (one[i], two[j]) if len(i) >= IDENTICAL * shorter else None


def _number(structure: Structure, row: int) -> tuple[int, str]:
    return int(structure.numbers[row]), structure.insertion_codes[row]


def _table(structure: Structure, members: dict[int, tuple[Tensor, Tensor]]) -> AlikeChains:
    """The members side by side; the first of the dictionary has all residues."""
    first = next(iter(members.values()))[0]
    column = torch.full((len(structure),), -1)
    column[first] = torch.arange(len(first))
    chains = tuple(sorted(members))
    rows = torch.full((len(chains), len(first)), -1)
    for place, chain in enumerate(chains):
        ours, theirs = members[chain]
        rows[place, column[ours]] = theirs
    known = (rows >= 0) & structure.present[rows.clamp_min(0), chemistry.CA]
    ca = torch.where(known[..., None], structure.ca[rows.clamp_min(0)].double(), 0.0)
    return AlikeChains(chains, rows, ca, known)
