"""Scalars that scale tensors: a nonlinearity that leaves directions unchanged."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.nn.spherical import degree_slice


def gate_tensors(tensors: Float[Tensor, "n m c"], gates: Float[Tensor, "n g"]) -> Float[Tensor, "n m c"]:
    """sigmoid(g_lc) t_lmc: one gate (0e) for each degree l = 1 .. lmax and channel c, g = lmax c: arXiv:1807.02547.

    tensors (n, (lmax + 1)^2 - 1, c) of either parity, gates (n, lmax c) 0e, all channels of l = 1 first -> tensors.
    """
    n, components, channels = tensors.shape
    lmax = int((components + 1) ** 0.5) - 1
    factors = torch.sigmoid(gates).view(n, lmax, channels).unbind(1)
    sizes = [degree_slice(degree).stop - degree_slice(degree).start for degree in range(1, lmax + 1)]
    expanded = [f[:, None].expand(-1, size, -1) for f, size in zip(factors, sizes, strict=True)]
    return tensors * torch.cat(expanded, 1) if expanded else tensors
