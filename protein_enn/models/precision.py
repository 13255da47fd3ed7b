"""A model of sequences whose matrix products are in bfloat16: for processors that have such products.

Weights, geometry, sums over neighbors and logits stay float32. On a CPU with AMX the compiled loops of
`nn.edge_messages` are used.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.models.decoding import Decoding, SequenceModel, Sets

PRECISIONS = ("float32", "bfloat16")


class InBFloat16:
    """A `SequenceModel` under autocast to bfloat16. All else of the model is found on it as well."""

    def __init__(self, model: SequenceModel, device: torch.device) -> None:
        self._model, self._kind = model, device.type

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    @property
    def atoms(self) -> tuple[str, ...]:
        """Those that a residue needs to be scored."""
        return self._model.atoms

    @property
    def shows_unknown(self) -> bool:
        """Whether a residue of unknown identity is visible, as such, to those decoded after it."""
        return self._model.shows_unknown

    def graph(self, structure: Any, **options: Any) -> Any:
        """The backbone as the model sees it, float32."""
        return self._model.graph(structure, **options)

    def _products(self) -> torch.autocast:
        return torch.autocast(self._kind, torch.bfloat16)

    def encode(self, graph: Any) -> Any:
        """Features of the backbone."""
        with self._products():
            return self._model.encode(graph)

    def logits(self, encoding: Any, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]) -> Float[Tensor, "n 20"]:
        """Unnormalized log-probabilities of every node."""
        with self._products():
            return self._model.logits(encoding, sequence, visible).float()

    def logits_by_order(
        self, encoding: Any, sequences: Int[Tensor, "o n"], visible: Bool[Tensor, "o n k"]
    ) -> Float[Tensor, "o n 20"]:
        """`logits` of several orders, or sequences, on one backbone."""
        with self._products():
            return self._model.logits_by_order(encoding, sequences, visible).float()

    def single(
        self, encoding: Any, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], rank: Int[Tensor, "n"]
    ) -> Float[Tensor, "n 20"]:
        """Logits of every node, decoded after all others."""
        with self._products():
            return self._model.single(encoding, sequence, shown, rank).float()

    def last(
        self, encoding: Any, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], rank: Int[Tensor, "n"], sets: Sets
    ) -> Float[Tensor, "m 20"]:
        """Logits of the nodes of sets, decoded after all others."""
        with self._products():
            return self._model.last(encoding, sequence, shown, rank, sets).float()

    def start(
        self,
        encoding: Any,
        sequence: Int[Tensor, "n"],
        given: Bool[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        samples: int,
    ) -> Decoding:
        """Sequences to be decoded node by node."""
        with self._products():
            return _Steps(self._model.start(encoding, sequence, given, shown, rank, samples), self._kind)


class _Steps:
    """A `Decoding` under autocast to bfloat16."""

    def __init__(self, decoding: Decoding, kind: str) -> None:
        self._decoding, self._kind = decoding, kind

    def logits(self, samples: Int[Tensor, "r"], rows: Int[Tensor, "r"]) -> Float[Tensor, "r 20"]:
        with torch.autocast(self._kind, torch.bfloat16):
            return self._decoding.logits(samples, rows).float()

    def place(self, identities: Int[Tensor, "r"]) -> None:
        with torch.autocast(self._kind, torch.bfloat16):
            self._decoding.place(identities)
