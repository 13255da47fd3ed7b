"""The decoder of a design model for a few residues at a time, whatever the sequences they are part of."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.nn.chunks import in_chunks

UNSEEN = len(chemistry.RESIDUES)
"""In place of the identity of a neighbour that is not shown."""


class Decoder:
    """`DesignModel.logits` by row: sources are the encoded neighbours and identities, so no other row is needed.

    What the backbone alone gives to the neighbours, K h_j of every layer, is worked out once.
    """

    @torch.inference_mode()
    def __init__(self, model: Any, encoding: Any) -> None:
        self.model, self.encoding = model, encoding
        self.keys = [layer.key(encoding.nodes) for layer in model.decoder]

    @torch.inference_mode()
    def logits(self, rows: Int[Tensor, "r"], seen: Int[Tensor, "r k"]) -> Float[Tensor, "r 20"]:
        """Logits of residues (one may come several times, in different sequences), float32 on the CPU.

        `seen` holds the identity of each neighbour as an index into chemistry.RESIDUES, or UNSEEN.
        """
        given, device = self.encoding, self.encoding.nodes.device
        rows, seen = rows.to(device), seen.to(device)
        x, edges, weight = given.nodes[rows], given.edges[rows], given.weight[rows]
        neighbors = given.neighbors[rows]
        for layer, key in zip(self.model.decoder, self.keys, strict=True):
            inputs = (layer.query(layer.norm(x)), edges, weight, seen)
            (summed,) = in_chunks(layer._summed, inputs, (key,), neighbors)
            x = layer.transition(x + layer.value(summed))
        return self.model.exit(x).float().cpu()
