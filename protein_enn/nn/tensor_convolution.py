"""Tensor product convolution over k neighbours, summed first and coupled later."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.nn.spherical import degree_slice, gaunt


class TensorConvolution(nn.Module):
    """x'_i = sum over paths of W_path [ C (sum_j w_ij R_l1(m_ij) Y_l1(d_ij) x_j,l2) ]_l3.

    The coupling C does not depend on the neighbour, so the outer products are summed over neighbours first,
    A[i, l1 m1, l2 m2, c], and coupled once per node. Natural parity only: l1 + l2 + l3 even. Without gradients the
    nodes are worked through in chunks, so that the temporaries stay small.

    x (n, (lmax+1)^2, channels), messages (n, k, hidden), harmonics (n, k, (lmax+1)^2), weight (n, k)
    -> invariants (n, paths to l3 = 0 times channels), tensors (n, (lmax+1)^2 - 1, channels).
    """

    def __init__(self, channels: int, lmax: int, hidden: int, chunk: int = 128) -> None:
        super().__init__()
        self.channels, self.lmax, self.chunk = channels, lmax, chunk
        degrees = range(lmax + 1)
        self.paths = [
            (a, b, c)
            for c in degrees
            for a in degrees
            for b in degrees
            if abs(a - b) <= c <= a + b and (a + b + c) % 2 == 0
        ]
        size = (lmax + 1) ** 2
        self.columns: list[slice] = []
        start = 0
        table = []
        for a, b, c in self.paths:
            block = torch.zeros(size, size, 2 * c + 1, dtype=torch.float64)
            block[degree_slice(a), degree_slice(b)] = gaunt(a, b, c) * (2 * c + 1) ** 0.5
            table.append(block.reshape(size * size, -1))
            self.columns.append(slice(start, start + 2 * c + 1))
            start += 2 * c + 1
        # No buffer: constants keep float64's digits whatever the module is cast to, and are rounded where used.
        self.coupling = torch.cat(table, 1).T.contiguous()
        self.radial = nn.Linear(hidden, (lmax + 1) * channels)
        self.counts = [sum(c == degree for _, _, c in self.paths) for degree in degrees]
        self.invariants = self.counts[0] * channels
        self.mix = nn.ModuleList(nn.Linear(self.counts[d] * channels, channels, bias=False) for d in degrees[1:])

    def forward(
        self,
        x: Float[Tensor, "n m c"],
        messages: Float[Tensor, "n k h"],
        harmonics: Float[Tensor, "n k m"],
        neighbors: Int[Tensor, "n k"],
        weight: Float[Tensor, "n k"],
    ) -> tuple[Float[Tensor, "n i"], Float[Tensor, "n t c"]]:
        n = len(neighbors)
        chunk = n if torch.is_grad_enabled() else self.chunk
        rows = [slice(i, i + chunk) for i in range(0, n, chunk)]
        parts = [self._rows(x, messages[r], harmonics[r], neighbors[r], weight[r]) for r in rows]
        if len(parts) == 1:
            return parts[0]
        return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])

    def _rows(
        self, x: Tensor, messages: Tensor, harmonics: Tensor, neighbors: Tensor, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The convolution at some of the nodes; `x` holds all."""
        n, k = neighbors.shape
        size, channels = (self.lmax + 1) ** 2, self.channels
        radial = self.radial(messages).view(n, k, self.lmax + 1, 1, channels)
        source = x.index_select(0, neighbors.reshape(-1)).view(n, k, size, channels)
        weighted = (harmonics * weight[..., None]).transpose(1, 2)
        sums = [
            weighted[:, degree_slice(degree)] @ (radial[:, :, degree] * source).view(n, k, -1)
            for degree in range(self.lmax + 1)
        ]
        outer = torch.cat(sums, 1).view(n, size * size, channels)
        coupled = self.coupling.to(outer) @ outer
        invariants = coupled[:, : self.counts[0]].reshape(n, -1)
        tensors = []
        first = self.counts[0]
        for degree, mix in enumerate(self.mix, start=1):
            count = self.counts[degree]
            block = coupled[:, first : first + count * (2 * degree + 1)]
            block = block.view(n, count, 2 * degree + 1, channels).transpose(1, 2)
            tensors.append(mix(block.reshape(n, 2 * degree + 1, -1)))
            first += count * (2 * degree + 1)
        return invariants, torch.cat(tensors, 1)
