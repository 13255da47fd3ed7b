"""Features of a node from a language model of the sequence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LanguageEmbedding(nn.Module):
    """l_i = m_i (W LN(e_i) + b): features e (n, l) 0e of a residue -> (n, size) 0e.

    m_i is 0 where all of e_i is 0, which marks residues without features of a language model, else 1.
    """

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.linear = nn.Linear(features, size)

    def forward(self, features: Float[Tensor, "n l"]) -> Float[Tensor, "n s"]:
        present = (features != 0).any(1, keepdim=True)
        return torch.where(present, self.linear(self.norm(features)), 0.0)
