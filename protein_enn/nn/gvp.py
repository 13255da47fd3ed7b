"""Geometric vector perceptrons: scalars are computed from lengths of vectors, vectors are scaled by scalars."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.nn.features import irreps_of

EPS = 1e-8
"""Added to squared lengths, so that gradients are finite where a vector is zero."""


def lengths(vectors: Float[Tensor, "*n 3 c"]) -> Float[Tensor, "*n c"]:
    """|v_c| of vectors whose components come before their channels: c x 1o -> c x 0e."""
    return (vectors.square().sum(-2) + EPS).sqrt()


def linear_unrounded(linear: nn.Linear, vectors: Float[Tensor, "*n c"]) -> Float[Tensor, "*n d"]:
    """A linear map of vectors (1o -> 1o) in their own precision, also under autocast: a triple product of vectors in
    bfloat16 would be mostly rounding error."""
    with torch.autocast(vectors.device.type, enabled=False):
        return linear(vectors)


class GVP(nn.Module):
    """V_h = V W_h; s_m = W [s, |V_h|] + b; s' = silu(s_m); V' = sigmoid(W_g s' + b_g) (V_h W_m).

    arXiv:2009.01411, algorithm 1, with the vector gate of arXiv:2106.03843. s (n, h) 0e and V (n, 3, c) 1o
    -> s' (n, o) 0e and V' (n, 3, d) 1o, for scalars = (h, o), vectors = (c, d). Without `activation` s' = s_m; the gate
    is still computed from silu(s_m).
    """

    def __init__(self, scalars: tuple[int, int], vectors: tuple[int, int], activation: bool = True) -> None:
        super().__init__()
        self.irreps_in = irreps_of((scalars[0], 0, "e"), (vectors[0], 1, "o"))
        self.irreps_out = irreps_of((scalars[1], 0, "e"), (vectors[1], 1, "o"))
        hidden = max(vectors)
        self.activation = activation
        self.lower = nn.Linear(vectors[0], hidden, bias=False)
        self.upper = nn.Linear(hidden, vectors[1], bias=False)
        self.scalars = nn.Linear(scalars[0] + hidden, scalars[1])
        self.gate = nn.Linear(scalars[1], vectors[1])

    def forward(
        self, scalars: Float[Tensor, "n h"], vectors: Float[Tensor, "n 3 c"]
    ) -> tuple[Float[Tensor, "n o"], Float[Tensor, "n 3 d"]]:
        lower = linear_unrounded(self.lower, vectors)
        linear = self.scalars(torch.cat([scalars, lengths(lower)], -1))
        active = silu(linear)
        gated = torch.sigmoid(self.gate(active))[:, None] * linear_unrounded(self.upper, lower)
        return active if self.activation else linear, gated


class GVPConvolution(nn.Module):
    """m_ij, V_ij = GVP([s_i, s_j, e_ij], [V_i, V_j, d_ij]) of every edge, and sum_j w_ij V_ij: arXiv:2009.01411, eq. 3.

    Nothing is concatenated: W_h [V_i, V_j, d_ij] = A V_i + B V_j + a d_ij, of which two products are computed once per
    node; the scalars likewise. The gate acts on V_h before W_m. So W_m commutes with the sum and is applied once per
    node too.

    s (n, h) 0e, V (n, 3, c) 1o, e (n, k, e) 0e, d (n, k, 3) 1o, w (n, k) 0e
    -> messages m (n, k, hidden) 0e, which the caller sums; vectors (n, 3, c) 1o.
    """

    def __init__(self, scalars: int, channels: int, edges: int, hidden: int) -> None:
        super().__init__()
        self.irreps_in = irreps_of((scalars, 0, "e"), (channels, 1, "o"))
        self.irreps_out = irreps_of((hidden, 0, "e"), (channels, 1, "o"))
        self.target = nn.Linear(scalars, hidden)
        self.source = nn.Linear(scalars, hidden, bias=False)
        self.edge = nn.Linear(edges, hidden, bias=False)
        self.target_vectors = nn.Linear(channels, channels, bias=False)
        self.source_vectors = nn.Linear(channels, channels, bias=False)
        self.direction = nn.Parameter(torch.randn(channels))
        self.length = nn.Linear(channels, hidden, bias=False)
        self.gate = nn.Linear(hidden, channels)
        self.upper = nn.Linear(channels, channels, bias=False)

    def forward(
        self,
        scalars: Float[Tensor, "n h"],
        vectors: Float[Tensor, "n 3 c"],
        edges: Float[Tensor, "n k e"],
        direction: Float[Tensor, "n k 3"],
        neighbors: Int[Tensor, "n k"],
        weight: Float[Tensor, "n k"],
    ) -> tuple[Float[Tensor, "n k m"], Float[Tensor, "n 3 c"]]:
        (n, k), channels, index = neighbors.shape, vectors.shape[2], neighbors.reshape(-1)
        source = linear_unrounded(self.source_vectors, vectors).index_select(0, index).view(n, k, 3, channels)
        lower = direction[..., None] * self.direction + source + linear_unrounded(self.target_vectors, vectors)[:, None]
        source = self.source(scalars).index_select(0, index).view(n, k, -1)
        linear = self.edge(edges) + source + self.target(scalars)[:, None] + self.length(lengths(lower))
        messages = silu(linear)
        gate = weight[..., None] * torch.sigmoid(self.gate(messages))
        return messages, linear_unrounded(self.upper, (gate[:, :, None] * lower).sum(1))


class ChiralProducts(nn.Module):
    """t = (a x b) . c and u = (tanh(o U) (a x b)) W with a, b, c = V A, V B, V C.

    V (n, 3, channels) 1o, o (n, odd) 0o -> t (n, odd) 0o, u (n, 3, channels) 1o. A cross product of vectors is 1e; its
    product with an odd scalar is a vector again. So vectors alone give pseudoscalars, and vectors can depend on
    chirality.
    """

    def __init__(self, channels: int, odd: int) -> None:
        super().__init__()
        self.irreps_in = irreps_of((channels, 1, "o"), (odd, 0, "o"))
        self.irreps_out = irreps_of((odd, 0, "o"), (channels, 1, "o"))
        self.factors = nn.Linear(channels, 3 * odd, bias=False)
        self.odd = nn.Linear(odd, odd, bias=False)
        self.mix = nn.Linear(odd, channels, bias=False)

    def forward(
        self, vectors: Float[Tensor, "n 3 c"], odd: Float[Tensor, "n o"]
    ) -> tuple[Float[Tensor, "n o"], Float[Tensor, "n 3 c"]]:
        a, b, c = linear_unrounded(self.factors, vectors).chunk(3, -1)
        normal = torch.linalg.cross(a, b, dim=1)
        return (normal * c).sum(1), linear_unrounded(self.mix, torch.tanh(self.odd(odd))[:, None] * normal)
