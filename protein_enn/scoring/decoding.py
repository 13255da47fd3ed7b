"""The decoder of a predictor for one backbone, whether the model remembers identities or states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.models.decoding import Decoding, SequenceModel


@dataclass(frozen=True, eq=False)
class Decoder:
    """Starts sequences on an encoded backbone; all tensors here are on the CPU."""

    model: SequenceModel
    encoding: Any
    rank: Int[Tensor, "g"]  # order in which given residues are decoded, before all others

    @torch.inference_mode()
    def start(
        self, sequence: Int[Tensor, "g"], given: Bool[Tensor, "g"], mask: Bool[Tensor, "g k"], samples: int
    ) -> Sampled:
        """So many sequences whose given residues are known; `mask` says which neighbors exist."""
        device = self.encoding.nodes.device
        sequence, given, mask = sequence.to(device), given.to(device), mask.to(device)
        return Sampled(self.model.start(self.encoding, sequence, given, mask, self.rank.to(device), samples), device)


@dataclass(frozen=True, eq=False)
class Sampled:
    """Sequences that are being decoded."""

    decoding: Decoding
    device: torch.device

    @torch.inference_mode()
    def logits(self, samples: Int[Tensor, "r"], rows: Int[Tensor, "r"]) -> Float[Tensor, "r 20"]:
        """Logits of residues of samples given what is decoded by now, float32."""
        return self.decoding.logits(samples.to(self.device), rows.to(self.device)).float().cpu()

    @torch.inference_mode()
    def place(self, identities: Int[Tensor, "r"]) -> None:
        """Settles the residues whose logits were asked for last."""
        self.decoding.place(identities.to(self.device))
