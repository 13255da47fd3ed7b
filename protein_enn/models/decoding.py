"""The interface of models of sequences on a backbone that scoring uses, with or without decoded states.

Such a model has `graph(structure)`, `encode(graph)` and, for an encoded backbone of n nodes with k neighbors:

- `logits(encoding, sequence, visible)`: every node given the neighbors that are visible to it, by a decoding order.
- `logits_by_order(encoding, sequences, visible)`: the same for several orders or sequences.
- `single(encoding, sequence, shown, rank)`: every node given all others that are shown, in the order of `rank` where
  their order matters.
- `last(encoding, sequence, shown, rank, sets)`: the nodes of small sets that come last, given all others.
- `start(encoding, sequence, given, shown, rank, samples)`: sequences to be decoded node by node, a `Decoding`.

`shown` marks the neighbors whose identity may be used. `rank` is the position of each node in one decoding order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sets:
    """Nodes that are decoded after all others, in independent sets; m nodes in all."""

    of: Int[Tensor, "m"]  # the set of each, ascending from 0 without a gap
    nodes: Int[Tensor, "m"]  # each at most once in a set
    identities: Int[Tensor, "m"]  # of each node in that set, visible to later nodes of the set
    ranks: Int[Tensor, "m"]  # position in the order of the set


@runtime_checkable
class Decoding(Protocol):
    """Sequences on one backbone, decoded node by node; given nodes are decoded from the start."""

    def logits(self, samples: Int[Tensor, "r"], rows: Int[Tensor, "r"]) -> Float[Tensor, "r 20"]:
        """Logits of nodes of samples, given the nodes decoded so far."""

    def place(self, identities: Int[Tensor, "r"]) -> None:
        """Sets the identities of the nodes of the last call of `logits`; later nodes depend on them."""


@runtime_checkable
class SequenceModel(Protocol):
    """The likelihood of sequences given a backbone."""

    @property
    def atoms(self) -> tuple[str, ...]:
        """Those that a residue needs to be scored."""

    @property
    def shows_unknown(self) -> bool:
        """Whether a residue of unknown identity is visible, as such, to those decoded after it."""

    def graph(self, structure: Any) -> Any:
        """The backbone as the model sees it; ValueError where there is none.

        Models with conditions take a `condition` as well, and those with features of a language model `language`.
        """

    def encode(self, graph: Any) -> Any:
        """Features of the backbone."""

    def logits(self, encoding: Any, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]) -> Float[Tensor, "n 20"]:
        """Unnormalized log-probabilities of every node.

        Parameters
        ----------
        encoding
            Of `encode`.
        sequence
            Index into `chemistry.RESIDUES` of each node.
        visible
            Neighbors that are decoded before a node.
        """

    def logits_by_order(
        self, encoding: Any, sequences: Int[Tensor, "o n"], visible: Bool[Tensor, "o n k"]
    ) -> Float[Tensor, "o n 20"]:
        """`logits` of several orders, or sequences, on one backbone."""

    def single(
        self, encoding: Any, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], rank: Int[Tensor, "n"]
    ) -> Float[Tensor, "n 20"]:
        """Logits of every node, decoded after all others.

        Parameters
        ----------
        encoding, sequence
            As in `logits`.
        shown
            Neighbors whose identity may be used.
        rank
            Position of each node in the order of the others.
        """

    def last(
        self, encoding: Any, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], rank: Int[Tensor, "n"], sets: Sets
    ) -> Float[Tensor, "m 20"]:
        """Logits of the nodes of sets, decoded after all others.

        Parameters
        ----------
        encoding, sequence, shown, rank
            As in `single`.
        sets
            The nodes, their identities and their order.
        """

    def start(
        self,
        encoding: Any,
        sequence: Int[Tensor, "n"],
        given: Bool[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        samples: int,
    ) -> Decoding:
        """Sequences to be decoded node by node.

        Parameters
        ----------
        encoding, sequence, shown, rank
            As in `single`.
        given
            Nodes whose identities are given: they come first, in the order of `rank`.
        samples
            Number of sequences.
        """
