"""Tensor product convolution over k neighbors: outer products are summed first and coupled once per node."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.nn.chunks import Source
from protein_enn.nn.features import Features, Layout, degree_parts, irreps_of
from protein_enn.nn.neighbor_products import Coupling, neighbor_products
from protein_enn.nn.spherical import coupling, degree_slice


class TensorConvolution(nn.Module):
    """x'_i = sum over paths of W_path [ C (sum_j w_ij R_l1(m_ij) Y_l1(d_ij) x_j,l2) ]_l3: arXiv:1802.08219.

    The coupling C does not depend on the neighbor, so the outer products are summed over neighbors first and coupled
    once per node (`neighbor_products`); radial functions are one linear map of the message for each l1 and channel.

    x (n, (lmax + 1)^2, channels + odd): first `channels` of the harmonics' parity, 0e + 1o + 2e ..., then `odd` of the
    other, 0o + 1e + 2o ...; messages (n, k, hidden) 0e, harmonics (n, k, (lmax + 1)^2), weight (n, k) 0e.
    Result, by parity: scalars 0e and pseudoscalars 0o (n, paths to l3 = 0 times channels or odd), not mixed; tensors
    1o + 2e ... (n, (lmax + 1)^2 - 1, channels) and pseudotensors 1e + 2o ... (..., odd), mixed over paths and channels.
    With `odd` the paths of odd l1 + l2 + l3 (cross products) map each parity to the other.
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
        # No buffer: constants stay float64 whatever the module is cast to, and are rounded where they are used.
        self.coupling = Coupling(torch.cat(table, 1).T.contiguous(), lmax)
        self.radial = nn.Linear(hidden, (lmax + 1) * (channels + odd))
        counts = [sum(c == degree for _, _, c in self.paths) for degree in degrees]
        crossed = [sum(c == degree for _, _, c in self.cross_paths) for degree in degrees]
        self.sizes = [count * (2 * d + 1) for each in (counts, crossed if odd else []) for d, count in enumerate(each)]
        self.scalars, self.pseudoscalars = counts[0] * channels, counts[0] * odd
        self.irreps_in = irreps_of(*degree_parts(channels, 0, lmax), *degree_parts(odd, 0, lmax, natural=False))
        self.irreps_out = Layout(self.scalars, self.pseudoscalars, channels, odd, lmax).irreps
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
        return self.mix_paths(self.couple(Source(x, neighbors), messages, harmonics, weight))

    def couple(self, source: Source, messages: Tensor, harmonics: Tensor, weight: Tensor) -> Float[Tensor, "n p c"]:
        """The first half: the coupled components of all paths, summed over neighbors."""
        y = harmonics * weight[..., None]
        return neighbor_products(source, messages, y, self.radial, self.coupling)

    def mix_paths(self, coupled: Float[Tensor, "n p c"]) -> Features:
        """The second half: paths and channels mixed, node by node."""
        # Split once: the gradient of each slice would be as large as the whole tensor.
        if not self.odd:
            scalars, tensors = self._of_parity(coupled.split(self.sizes, 1), (), self.mix)
            return Features(scalars, scalars[:, :0], tensors, tensors[..., :0])
        even, odd = (part.split(self.sizes, 1) for part in coupled.split([self.channels, self.odd], 2))
        degrees = self.lmax + 1
        scalars, tensors = self._of_parity(even[:degrees], odd[degrees:], self.mix)
        pseudoscalars, pseudotensors = self._of_parity(odd[:degrees], even[degrees:], self.mix_odd)
        return Features(scalars, pseudoscalars, tensors, pseudotensors)

    def _of_parity(
        self, same: Sequence[Tensor], other: Sequence[Tensor], mix: nn.ModuleList
    ) -> tuple[Float[Tensor, "n s"], Float[Tensor, "n t c"]]:
        """The features of one parity: from its own channels by `paths`, from the other parity by `cross_paths`."""
        tensors = []
        for degree, linear in enumerate(mix, start=1):
            parts = [_paths_last(block[degree], degree) for block in (same, other) if block]
            tensors.append(linear(torch.cat(parts, 2) if len(parts) > 1 else parts[0]))
        n = len(same[0])
        return same[0].reshape(n, -1), torch.cat(tensors, 1) if tensors else same[0].new_zeros(n, 0, same[0].shape[2])


def _paths_last(block: Float[Tensor, "n p c"], degree: int) -> Float[Tensor, "n m q"]:
    """Coupled components of one degree, path by path -> (n, 2 l + 1, paths * c)."""
    n, components, channels = block.shape
    width = 2 * degree + 1
    return block.reshape(n, components // width, width, channels).transpose(1, 2).reshape(n, width, -1)
