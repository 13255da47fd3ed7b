"""The decoder of a design model for a few residues at a time, whatever the sequences they are part of."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Decoder:
    """Logits of any residues of one encoded backbone, in any sequences."""

    @torch.inference_mode()
    def __init__(self, model: Any, encoding: Any) -> None:
        self.model, self.encoding, self.keys = model, encoding, model.keys(encoding)

    @torch.inference_mode()
    def logits(self, rows: Int[Tensor, "r"], seen: Int[Tensor, "r k"]) -> Float[Tensor, "r 20"]:
        """Logits of residues (one may come several times, in different sequences), float32 on the CPU.

        `seen` holds the identity of each neighbour as an index into chemistry.RESIDUES, or `UNSEEN`.
        """
        device = self.encoding.nodes.device
        return self.model.logits_of(self.encoding, self.keys, rows.to(device), seen.to(device)).float().cpu()
