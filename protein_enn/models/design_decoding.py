"""Decoding with a design model, whose residues see identities alone: no order of the others matters to a residue."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.decoding import Sets

UNSEEN = len(chemistry.RESIDUES)
"""In place of the identity of a neighbor that is not shown."""


def last_logits(
    model: Any, encoding: Any, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], sets: Sets
) -> Float[Tensor, "m 20"]:
    """Logits of the nodes of each set: copies of them, which see each other in turn and all else as it is."""
    sizes = sets.of.bincount()
    end = sizes.cumsum(0)
    first, last = (place.repeat_interleave(sizes) for place in (end - sizes, end - 1))
    theirs, visible = encoding.neighbors[sets.nodes], shown[sets.nodes]
    neighbors = theirs
    for i in range(int(sizes.max())):  # the i-th node of each set stands in for its original
        other = (first + i).minimum(last)[:, None]
        hit = theirs == sets.nodes[other]
        neighbors = torch.where(hit, len(sequence) + other, neighbors)
        visible = torch.where(hit, visible & (sets.turns[other] < sets.turns[:, None]), visible)
    values = {f.name: getattr(encoding, f.name) for f in fields(encoding)}
    longer = {name: torch.cat([v, neighbors if name == "neighbors" else v[sets.nodes]]) for name, v in values.items()}
    seen = torch.cat([torch.zeros_like(shown), visible])
    logits: Tensor = model.logits(replace(encoding, **longer), torch.cat([sequence, sets.identities]), seen)
    return logits[len(sequence) :]


class IdentityDecoding:
    """Sequences of which only the identities are remembered."""

    def __init__(
        self,
        model: Any,
        encoding: Any,
        sequence: Int[Tensor, "n"],
        given: Bool[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        samples: int,
    ) -> None:
        self._model, self._encoding, self._keys, self._shown = model, encoding, model.keys(encoding), shown
        self._sequences = torch.where(given, sequence, chemistry.UNKNOWN).repeat(samples, 1)

    def logits(self, samples: Int[Tensor, "r"], rows: Int[Tensor, "r"]) -> Float[Tensor, "r 20"]:
        """Of nodes of samples, given what is decoded by now."""
        self._asked = samples, rows
        known = self._sequences[samples[:, None], self._encoding.neighbors[rows]]
        visible = self._shown[rows] & (known != chemistry.UNKNOWN)  # nobody knows what is yet to be drawn
        seen = torch.where(visible, known, UNSEEN)
        logits: Tensor = self._model.logits_of(self._encoding, self._keys, rows, seen)
        return logits

    def place(self, identities: Int[Tensor, "r"]) -> None:
        """Settles the nodes whose logits were asked for last."""
        self._sequences[self._asked] = identities
