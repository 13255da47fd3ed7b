"""Decoding with a design model. A residue depends on identities alone, so the order of the others does not matter."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.decoding import Sets

NOT_VISIBLE = len(chemistry.RESIDUES)
"""In place of the identity of a neighbor that is not shown."""


def last_logits(
    model: Any, encoding: Any, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], sets: Sets
) -> Float[Tensor, "m 20"]:
    """Logits of the nodes of each set.

    The graph is extended by copies of these nodes. A copy depends on earlier copies of its set and on the unchanged
    nodes outside the set.

    Parameters
    ----------
    model, encoding
        A design model, and a backbone that it has encoded.
    sequence
        Identities of all nodes.
    shown
        Neighbors whose identity may be used.
    sets
        The nodes.

    Returns
    -------
    Float[Tensor, "m 20"]
        In the order of `sets`.
    """
    sizes = sets.of.bincount()
    end = sizes.cumsum(0)
    first, last = (index.repeat_interleave(sizes) for index in (end - sizes, end - 1))
    original, visible = encoding.neighbors[sets.nodes], shown[sets.nodes]
    neighbors = original
    for i in range(int(sizes.max())):  # the i-th node of each set replaces its original
        other = (first + i).minimum(last)[:, None]
        in_set = original == sets.nodes[other]
        neighbors = torch.where(in_set, len(sequence) + other, neighbors)
        visible = torch.where(in_set, visible & (sets.ranks[other] < sets.ranks[:, None]), visible)
    values = {f.name: getattr(encoding, f.name) for f in fields(encoding)}
    longer = {name: torch.cat([v, neighbors if name == "neighbors" else v[sets.nodes]]) for name, v in values.items()}
    visible = torch.cat([torch.zeros_like(shown), visible])
    logits: Tensor = model.logits(replace(encoding, **longer), torch.cat([sequence, sets.identities]), visible)
    return logits[len(sequence) :]


class IdentityDecoding:
    """Sequences decoded node by node, by a model that keeps identities and no states."""

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
        """Logits of nodes of samples, given the nodes decoded so far."""
        self._last = samples, rows
        decoded = self._sequences[samples[:, None], self._encoding.neighbors[rows]]
        visible = self._shown[rows] & (decoded != chemistry.UNKNOWN)  # undecoded nodes are unknown
        identities = torch.where(visible, decoded, NOT_VISIBLE)
        logits: Tensor = self._model.logits_of(self._encoding, self._keys, rows, identities)
        return logits

    def place(self, identities: Int[Tensor, "r"]) -> None:
        """Sets the identities of the nodes of the last call of `logits`."""
        self._sequences[self._last] = identities
