"""The tensor product convolution in the frame of each edge, where only rotations about one axis are left."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.nn.chunks import in_chunks
from protein_enn.nn.edge_rotations import Turns


class SO2Convolution(nn.Module):
    """x'_i = sum_j w_ij D_ij^T W ( R_|m|(m_ij) D_ij x_j ): arXiv:2302.03655, radial functions as in arXiv:2306.12059.

    D_ij takes the edge to the polar axis. Seen from there a product with harmonics of the edge is a linear map W that
    mixes degrees (l2 to l3, both >= |m|), leaves m alone and is the same for every edge. The W^|m| are the weights
    of all paths (l1, l2, l3) with l1 to 2 lmax. `mmax` < lmax leaves out what turns faster about the axis.

    Rotations about the axis turn the pair (x_m, x_-m) as the complex number x_m + i x_-m, so that W could be complex.
    But features of natural parity are like cos and sin of m phi there: a reflection in a plane through the axis, which
    leaves the edge as it is, conjugates the pair, and W conj(z) = conj(W z) holds only if W is real: no antisymmetric
    weights. Imaginary can only be a number that the reflection negates itself: with `odd` > 0 pseudoscalars o_ij of an
    edge R_|m| becomes R_|m| (1 + i T o_ij), and the tensors of left and right differ by more than their mirror image.

    W is the same for all edges and mixes no components, so D^T R D x is summed over neighbors first, for each |m|, l2
    and l3, and W is applied once per node. An edge without direction must have weight 0: its D is arbitrary.

    x (n, (lmax + 1)^2, channels): degrees 0 .. lmax, natural parity; messages (n, k, hidden): 0e; turns: of the edges,
    with the same lmax and mmax; weight (n, k): 0e; odd (n, k, odd): 0o
    -> invariants (n, (lmax + 1) channels): 0e; tensors (n, (lmax + 1)^2 - 1, channels): 1o, 2e, ...
    """

    def __init__(self, channels: int, lmax: int, hidden: int, mmax: int | None = None, odd: int = 0) -> None:
        super().__init__()
        self.channels, self.lmax = channels, lmax
        self.mmax = lmax if mmax is None else min(lmax, mmax)
        self.invariants = (lmax + 1) * channels
        self.radial = nn.Linear(hidden, (self.mmax + 1) * channels)
        self.twist = nn.Linear(odd, self.mmax * channels, bias=False) if odd and self.mmax else None
        ms = range(self.mmax + 1)
        self.signs = [2 if m else 1 for m in ms]
        self.degrees = [lmax + 1 - m for m in ms]  # that have this |m|
        self.components = [(lmax + 1) ** 2 - m * m for m in ms]  # of those degrees
        inputs = [sum(self.degrees[: degree + 1]) * channels for degree in range(lmax + 1)]
        self.mix = nn.ModuleList(nn.Linear(size, channels, bias=False) for size in inputs[1:])

    def forward(
        self,
        x: Float[Tensor, "n m c"],
        messages: Float[Tensor, "n k h"],
        turns: Turns,
        neighbors: Int[Tensor, "n k"],
        weight: Float[Tensor, "n k"],
        odd: Float[Tensor, "n k o"] | None = None,
    ) -> tuple[Float[Tensor, "n i"], Float[Tensor, "n t c"]]:
        if (odd is None) != (self.twist is None):
            raise ValueError("odd scalars of the edges go with a convolution made for them (odd > 0, mmax > 0)")
        rows = [messages, turns.matrix, turns.rows, weight, *([] if odd is None else [odd])]
        parameters = [*self.radial.parameters(), *(self.twist.parameters() if self.twist is not None else ())]
        sums = in_chunks(self._sums, rows, [x], neighbors, parameters)
        parts = [
            torch.cat([self._component_normal(sums[m], degree, m) for m in range(min(degree, self.mmax) + 1)], -1)
            for degree in range(self.lmax + 1)
        ]
        tensors = [mix(part) for mix, part in zip(self.mix, parts[1:], strict=True)]
        return parts[0].flatten(1), torch.cat(tensors, 1)

    def _sums(self, messages: Tensor, matrix: Tensor, rows: Tensor, weight: Tensor, *more: Any) -> tuple[Tensor, ...]:
        """For each |m|: sum_j w_ij sum_+-m D^l3_mM (R_|m| D x_j)_l2,m: (n, (l3, M) for l3 >= |m|, (l2, c)).

        `more`: odd scalars, if there are any, and the `Source` of x.
        """
        *odd, source = more
        n, k = weight.shape
        turned = matrix @ source.gathered()
        kinds = [sign * degrees for sign, degrees in zip(self.signs, self.degrees, strict=True)]
        back = rows.split([sign * size for sign, size in zip(self.signs, self.components, strict=True)], 2)
        radial = self.radial(messages).view(n, k, 1, -1, self.channels).unbind(3)
        twist = self.twist(odd[0]).view(n, k, 1, -1, self.channels).unbind(3) if self.twist is not None else ()
        sums = []
        for m, z in enumerate(turned.split(kinds, 2)):
            if m and twist:
                real, imaginary = z.split(self.degrees[m], 2)
                z = torch.cat([real - twist[m - 1] * imaginary, imaginary + twist[m - 1] * real], 2)
            z = (radial[m] * z).view(n, k * self.signs[m], -1)
            d = (weight[..., None] * back[m]).view(n, k * self.signs[m], -1)
            sums.append(d.transpose(1, 2) @ z)
        return tuple(sums)

    @staticmethod
    def _component_normal(sums: Tensor, degree: int, m: int) -> Tensor:
        """The part of degree l3, as large as the harmonics are: rows of an orthogonal matrix are smaller."""
        first = degree**2 - m**2
        return sums[:, first : first + 2 * degree + 1] * ((2 * degree + 1) / (2 if m else 1)) ** 0.5
