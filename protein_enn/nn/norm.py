"""Normalization that commutes with rotations.

`TensorNorm` bounds tensors and keeps small ones small. It is for residual networks whose tensors start at zero and
should stay near zero where they carry no signal. `TensorLayerNorm` scales tensors of any size to one size and learns
the size: for attention and for deep stacks, whose sums grow from layer to layer. `EquivariantLayerNorm` does the same
for all features.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from protein_enn.nn.features import Features, Layout, degree_parts, irreps_of
from protein_enn.nn.spherical import degree_slice


class TensorNorm(nn.Module):
    """t_l / sqrt(mean over channels |t_l|^2 + 1/4), degree by degree; a small signal stays small.

    The layer norm of arXiv:2206.11990 without a scale, and with a constant that bounds its slope at zero by 2.
    (n, (lmax + 1)^2 - 1, c) -> the same, degrees 1 .. lmax of either parity. c is any number: `irreps_in` and
    `irreps_out` are those of one channel of parity (-1)^l.
    """

    def __init__(self, lmax: int) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = irreps_of(*degree_parts(1, 1, lmax))
        self.lmax = lmax

    def forward(self, tensors: Float[Tensor, "n m c"]) -> Float[Tensor, "n m c"]:
        parts = [tensors[:, :0]]
        for degree in range(1, self.lmax + 1):
            inside = degree_slice(degree)
            part = tensors[:, inside.start - 1 : inside.stop - 1]
            parts.append(part * torch.rsqrt(part.square().sum(1).mean(-1) + 0.25)[:, None, None])
        return torch.cat(parts, 1)


class TensorLayerNorm(nn.Module):
    """gamma_lc t_lmc / sqrt(mean over m and c of t_lmc^2 + eps), degree by degree, gamma learned: arXiv:2206.11990.

    The mean over components instead of their sum makes every component about one in size, as harmonics are here.
    (n, (lmax + 1)^2 - 1, c) -> the same, degrees 1 .. lmax of either parity. `irreps_in` and `irreps_out` are those of
    parity (-1)^l.
    """

    def __init__(self, channels: int, lmax: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = irreps_of(*degree_parts(channels, 1, lmax))
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(lmax, channels))

    def forward(self, tensors: Float[Tensor, "n m c"]) -> Float[Tensor, "n m c"]:
        parts = [tensors[:, :0]]
        for degree, scale in enumerate(self.scale.unbind(0), start=1):
            inside = degree_slice(degree)
            part = tensors[:, inside.start - 1 : inside.stop - 1]
            size = torch.rsqrt(part.square().mean((1, 2), keepdim=True) + self.eps)
            parts.append(part * (size * scale))
        return torch.cat(parts, 1)


class EquivariantLayerNorm(nn.Module):
    """All features of a node at one size, each degree and parity by itself: arXiv:2206.11990.

    h x 0e: gamma_c (s_c - mean s) / sqrt(var s + eps) + beta_c. p x 0o: gamma_c o_c / sqrt(mean o^2 + eps), without a
    shift, because a shift is not odd. Tensors and pseudotensors: `TensorLayerNorm`.
    `Features` (n, h), (n, p), (n, (lmax + 1)^2 - 1, c), (n, (lmax + 1)^2 - 1, q) -> the same.
    """

    def __init__(self, layout: Layout, eps: float = 1e-5) -> None:
        super().__init__()
        self.irreps_in = self.irreps_out = layout.irreps
        self.eps = eps
        self.scalars = nn.LayerNorm(layout.scalars, eps)
        self.odd = nn.Parameter(torch.ones(layout.pseudoscalars))
        self.tensors = TensorLayerNorm(layout.channels, layout.lmax, eps)
        self.pseudotensors = TensorLayerNorm(layout.pseudochannels, layout.lmax, eps)

    def forward(self, x: Features) -> Features:
        """(n, h) 0e, (n, p) 0o, (n, m, c) and (n, m, q) -> the same."""
        odd = x.pseudoscalars
        return Features(
            self.scalars(x.scalars),
            odd * (torch.rsqrt(odd.square().mean(-1, keepdim=True) + self.eps) * self.odd),
            self.tensors(x.tensors),
            self.pseudotensors(x.pseudotensors),
        )
