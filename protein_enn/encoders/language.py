"""What a node takes from a language model of the sequence."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LanguageEmbedding(nn.Module):
    """l_i = there_i (W LN(e_i) + b): features e (n, l) 0e of a residue -> (n, size) 0e.

    there_i is 0 where all of e_i is 0, which stands for residues that no language model has seen, else 1.
    """

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.linear = nn.Linear(features, size)

    def forward(self, features: Float[Tensor, "n l"]) -> Float[Tensor, "n s"]:
        there = (features != 0).any(1, keepdim=True)
        return torch.where(there, self.linear(self.norm(features)), 0.0)
