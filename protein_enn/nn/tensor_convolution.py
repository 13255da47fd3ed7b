"""Tensor product convolution over k neighbours, summed first and coupled later."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.nn.chunks import Source
from protein_enn.nn.features import Features
from protein_enn.nn.neighbor_products import Coupling, neighbor_products
from protein_enn.nn.spherical import coupling, degree_slice


class TensorConvolution(nn.Module):
    """x'_i = sum over paths of W_path [ C (sum_j w_ij R_l1(m_ij) Y_l1(d_ij) x_j,l2) ]_l3: arXiv:1802.08219.

    The coupling C does not depend on the neighbour, so the outer products are summed over neighbours first and coupled
    once per node (`neighbor_products`); radial functions are one linear map of the message for each l1 and channel.

    x (n, (lmax + 1)^2, channels + odd): first `channels` of the harmonics' parity, 0e + 1o + 2e ..., then `odd` of the
    other, 0o + 1e + 2o ...; messages (n, k, hidden) 0e, harmonics (n, k, (lmax + 1)^2), weight (n, k) 0e.
    Gives, by parity: scalars 0e and pseudoscalars 0o (n, paths to l3 = 0 times channels or odd), not mixed; tensors
    1o + 2e ... (n, (lmax + 1)^2 - 1, channels) and pseudotensors 1e + 2o ... (..., odd), mixed over paths and channels.
    With `odd` the paths of odd l1 + l2 + l3 (cross products) lead from either parity to the other.
    """

    def __init__(self, channels: int, lmax: int, hidden: int, odd: int = 0) -> None:
        super().__init__()
        self.channels, self.odd, self.lmax = channels, odd, lmax
        degrees = range(lmax + 1)
        triangles = [(a, b, c) for c in degrees for a in degrees for b in degrees if abs(a - b) <= c <= a + b]
        self.paths = [path for path in triangles if sum(path) % 2 == 0]
        self.cross_paths = [path for path in triangles if sum(path) % 2] if odd else []
        size = (lmax + 1) ** 2
        table = []
        for a, b, c in self.paths + self.cross_paths:
            block = torch.zeros(size, size, 2 * c + 1, dtype=torch.float64)
            block[degree_slice(a), degree_slice(b)] = coupling(a, b, c) * (2 * c + 1) ** 0.5
            table.append(block.reshape(size * size, -1))
        # No buffer: constants keep float64's digits whatever the module is cast to, and are rounded where used.
        self.coupling = Coupling(torch.cat(table, 1).T.contiguous(), lmax)
        self.radial = nn.Linear(hidden, (lmax + 1) * (channels + odd))
        counts = [sum(c == degree for _, _, c in self.paths) for degree in degrees]
        crossed = [sum(c == degree for _, _, c in self.cross_paths) for degree in degrees]
        self.scalars, self.pseudoscalars = counts[0] * channels, counts[0] * odd
        self.mix = nn.ModuleList(
            nn.Linear(counts[d] * channels + crossed[d] * odd, channels, bias=False) for d in degrees[1:]
        )
        self.mix_odd = nn.ModuleList(
            nn.Linear(counts[d] * odd + crossed[d] * channels, odd, bias=False) for d in degrees[1:] if odd
        )

    def forward(
        self,
        x: Float[Tensor, "n m c"],
        messages: Float[Tensor, "n k h"],
        harmonics: Float[Tensor, "n k m"],
        neighbors: Int[Tensor, "n k"],
        weight: Float[Tensor, "n k"],
    ) -> Features:
        return self.mixed(self.coupled(Source(x, neighbors), messages, harmonics, weight))

    def coupled(self, source: Source, messages: Tensor, harmonics: Tensor, weight: Tensor) -> Float[Tensor, "n p c"]:
        """The first half: coupled components of all paths, summed over neighbours."""
        y = harmonics * weight[..., None]
        return neighbor_products(source, messages, y, self.radial, self.coupling)

    def mixed(self, coupled: Float[Tensor, "n p c"]) -> Features:
        """The second half: paths and channels mixed, node by node."""
        n = len(coupled)
        even, odd = coupled[..., : self.channels], coupled[..., self.channels :]
        scalars, tensors = self._mixed(even, odd, self.mix)
        if self.odd:
            pseudoscalars, pseudotensors = self._mixed(odd, even, self.mix_odd)
        else:
            pseudoscalars, pseudotensors = coupled.new_zeros(n, 0), coupled.new_zeros(*tensors.shape[:2], 0)
        return Features(scalars, pseudoscalars, tensors, pseudotensors)

    def _mixed(self, same: Tensor, other: Tensor, mix: nn.ModuleList) -> tuple[Tensor, Tensor]:
        """What one parity becomes: its own channels by `paths`, the other parity's by `cross_paths`."""
        blocks = [_by_degree(same, self.paths, self.lmax, 0)]
        if self.cross_paths:
            first = sum(2 * c + 1 for _, _, c in self.paths)
            blocks.append(_by_degree(other, self.cross_paths, self.lmax, first))
        n = len(same)
        tensors = []
        for degree, linear in enumerate(mix, start=1):
            parts = [b[degree] for b in blocks if b[degree] is not None]
            tensors.append(linear(torch.cat(parts, 2) if len(parts) > 1 else parts[0]))
        return blocks[0][0].view(n, -1), torch.cat(tensors, 1) if tensors else same.new_zeros(n, 0, self.channels)


def _by_degree(coupled: Tensor, paths: list[tuple[int, int, int]], lmax: int, first: int) -> list[Tensor]:
    """Coupled components (n, p, c), path by path from `first` on -> for each degree (n, 2 l + 1, paths * c)."""
    n, _, channels = coupled.shape
    result = []
    for degree in range(lmax + 1):
        count, width = sum(c == degree for _, _, c in paths), 2 * degree + 1
        block = coupled[:, first : first + count * width].reshape(n, count, width, channels)
        result.append(block.transpose(1, 2).reshape(n, width, count * channels))
        first += count * width
    return result
