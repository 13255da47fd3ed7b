"""Normalisation that commutes with rotations."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from protein_enn.nn.spherical import degree_slice


class TensorNorm(nn.Module):
    """t_l / sqrt(mean over channels |t_l|^2 + 1/4), degree by degree; a small signal stays small.

    (n, (lmax + 1)^2 - 1, c) -> the same, degrees 1 .. lmax.
    """

    def __init__(self, lmax: int) -> None:
        super().__init__()
        self.lmax = lmax

    def forward(self, tensors: Float[Tensor, "n m c"]) -> Float[Tensor, "n m c"]:
        parts = []
        for degree in range(1, self.lmax + 1):
            inside = degree_slice(degree)
            part = tensors[:, inside.start - 1 : inside.stop - 1]
            parts.append(part * torch.rsqrt(part.square().sum(1).mean(-1) + 0.25)[:, None, None])
        return torch.cat(parts, 1)
