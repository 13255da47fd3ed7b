"""The tensor product convolution in the frame of each edge, where only rotations about one axis remain."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.nn.chunks import in_chunks
from protein_enn.nn.edge_rotations import EdgeRotations
from protein_enn.nn.features import degree_parts, irreps_of


class SO2Convolution(nn.Module):
    """x'_i = sum_j w_ij D_ij^T W ( R_|m|(m_ij) D_ij x_j ): arXiv:2302.03655, radial functions as in arXiv:2306.12059.

    D_ij rotates the edge onto the polar axis. In that frame a product with harmonics of the edge is a linear map W. It
    mixes degrees (l2 to l3, both >= |m|), does not mix m, and is the same for every edge. The W^|m| are the weights
    of all paths (l1, l2, l3) with l1 to 2 lmax. `mmax` < lmax leaves out components of larger |m|.

    A rotation about the axis multiplies the complex number x_m + i x_-m by a phase, so W could be complex. But features
    of natural parity behave like cos and sin of m phi. A reflection in a plane through the axis leaves the edge
    unchanged and conjugates the pair, and W conj(z) = conj(W z) holds only if W is real: no antisymmetric weights. Only
    a number whose sign the reflection changes can be imaginary: with `odd` > 0 pseudoscalars o_ij of an edge, R_|m|
    becomes R_|m| (1 + i T o_ij), and the tensors of two mirror images are no longer only mirror images.

    W is the same for all edges and mixes no components. So D^T R D x is summed over neighbors first, for each |m|, l2
    and l3, and W is applied once per node. An edge without direction must have weight 0: its D is arbitrary.

    x (n, (lmax + 1)^2, channels): degrees 0 .. lmax, natural parity; messages (n, k, hidden): 0e; rotations: of the
    edges, with the same lmax and mmax; weight (n, k): 0e; odd (n, k, odd): 0o
    -> invariants (n, (lmax + 1) channels): 0e; tensors (n, (lmax + 1)^2 - 1, channels): 1o, 2e, ...
    """

    def __init__(self, channels: int, lmax: int, hidden: int, mmax: int | None = None, odd: int = 0) -> None:
        super().__init__()
        self.channels, self.lmax = channels, lmax
        self.mmax = lmax if mmax is None else min(lmax, mmax)
        self.invariants = (lmax + 1) * channels
        self.irreps_in = irreps_of(*degree_parts(channels, 0, lmax))
        self.irreps_out = irreps_of((self.invariants, 0, "e"), *degree_parts(channels, 1, lmax))
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
        rotations: EdgeRotations,
        neighbors: Int[Tensor, "n k"],
        weight: Float[Tensor, "n k"],
        odd: Float[Tensor, "n k o"] | None = None,
    ) -> tuple[Float[Tensor, "n i"], Float[Tensor, "n t c"]]:
        if (odd is None) != (self.twist is None):
            raise ValueError("odd scalars of the edges need a convolution with odd > 0 and mmax > 0, and it needs them")
        rows = [messages, rotations.matrix, rotations.rows, weight, *([] if odd is None else [odd])]
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

        `more` is the odd scalars, if there are any, and the `Source` of x.
        """
        *odd, source = more
        n, k = weight.shape
        rotated = matrix @ source.gather()
        kinds = [sign * degrees for sign, degrees in zip(self.signs, self.degrees, strict=True)]
        back = rows.split([sign * size for sign, size in zip(self.signs, self.components, strict=True)], 2)
        radial = self.radial(messages).view(n, k, 1, -1, self.channels).unbind(3)
        twist = self.twist(odd[0]).view(n, k, 1, -1, self.channels).unbind(3) if self.twist is not None else ()
        sums = []
        for m, z in enumerate(rotated.split(kinds, 2)):
            if m and twist:
                real, imaginary = z.split(self.degrees[m], 2)
                z = torch.cat([real - twist[m - 1] * imaginary, imaginary + twist[m - 1] * real], 2)
            z = (radial[m] * z).view(n, k * self.signs[m], -1)
            d = (weight[..., None] * back[m]).view(n, k * self.signs[m], -1)
            sums.append(d.transpose(1, 2) @ z)
        return tuple(sums)

    @staticmethod
    def _component_normal(sums: Tensor, degree: int, m: int) -> Tensor:
        """The part of degree l3 in the size of the harmonics; rows of an orthogonal matrix are smaller."""
        first = degree**2 - m**2
        return sums[:, first : first + 2 * degree + 1] * ((2 * degree + 1) / (2 if m else 1)) ** 0.5
