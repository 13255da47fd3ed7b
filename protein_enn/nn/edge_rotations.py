"""Rotations as matrices of every degree. They are polynomials in the 3 x 3 matrix: no angles, so no singular points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from protein_enn.nn.chunks import in_chunks
from protein_enn.nn.spherical import degree_slice, gaunt

NO_LENGTH = 1e-12
"""Squared length below which a direction counts as zero."""


def edge_frames(direction: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n 3 3"]:
    """A rotation R with R d = y, the polar axis, for d scaled to length 1; the identity where d = 0.

    Where d_y >= 0 it is the shortest rotation. Elsewhere d is first rotated by 180 degrees about x, so that no
    denominator is below 1: after Duff et al. (2017), JCGT 6(1):1. The rotation about d itself is not determined by d,
    and no continuous choice of it exists: this one jumps at d_y = 0. Results must not depend on it.
    """
    square = direction.square().sum(-1, keepdim=True)
    present = square > NO_LENGTH
    polar = torch.tensor([0.0, 1.0, 0.0], dtype=direction.dtype, device=direction.device)
    unit = torch.where(present, direction * torch.where(present, square, 1.0).rsqrt(), polar)
    one = torch.ones_like(unit[..., 0])
    sign = torch.where(unit[..., 1] < 0, -one, one)
    flip = torch.stack([one, sign, sign], -1)  # the diagonal of the rotation by 180 degrees about x, or of the identity
    x, y, z = (unit * flip).unbind(-1)
    a = 1 / (1 + y)
    rows = [torch.stack(r, -1) for r in ((1 - x * x * a, -x, -x * z * a), (x, y, z), (-x * z * a, -z, 1 - z * z * a))]
    return torch.stack(rows, -2) * flip[..., None, :]


class WignerMatrices(nn.Module):
    """D_1 .. D_lmax with Y_l(R d) = D_l(R) Y_l(d): D_1 = R, D_l = (2l + 1) C (D_1 x D_{l-1}) C.

    C = `gaunt(1, l - 1, l)` couples two rotation matrices to one as it couples two tensors. D_l is orthogonal where D_1
    and D_{l-1} are.

    R (*n, 3, 3) -> [(*n, 2l + 1, 2l + 1) for l = 1 .. lmax].
    """

    def __init__(self, lmax: int) -> None:
        super().__init__()
        # No buffers: constants stay float64 whatever the module is cast to, and are rounded where they are used.
        self.couplings = []
        for degree in range(2, lmax + 1):
            c = gaunt(1, degree - 1, degree)
            table = (2 * degree + 1) * torch.einsum("ijm,abn->iajbmn", c, c)
            self.couplings.append(table.reshape(9 * (2 * degree - 1) ** 2, -1))

    def forward(self, rotation: Float[Tensor, "*n 3 3"]) -> list[Float[Tensor, "*n _ _"]]:
        matrices = [rotation]
        first = rotation.flatten(-2)[..., None]
        for degree, table in enumerate(self.couplings, start=2):
            products = (first * matrices[-1].flatten(-2)[..., None, :]).flatten(-2)
            matrices.append((products @ table.to(rotation)).unflatten(-1, (2 * degree + 1, 2 * degree + 1)))
        return matrices


@dataclass(frozen=True, eq=False)
class EdgeRotations:
    """The rotation of each edge onto the polar axis, as matrices on features of degrees 0 .. lmax; |m| <= mmax.

    It holds the same numbers in the two layouts that the layers multiply by. `matrix` is diag(D_0, .. D_lmax) with its
    rows sorted: m = 0 of all degrees, then for each |m| those of cos(m phi) (+m) of degrees |m| .. lmax, then those of
    sin(m phi) (-m). `rows` has no zeros: for m = 0 the rows of D_0 .. D_lmax one after another, then for each |m| those
    of D_|m| .. D_lmax, +m before -m.
    """

    matrix: Float[Tensor, "n k r m"]
    rows: Float[Tensor, "n k s"]


class EdgeAlignment(nn.Module):
    """d (n, k, 3), 1o -> `EdgeRotations` of those edges, degrees 0 .. lmax, in the dtype of d also under autocast."""

    order: Tensor
    nonzero: Tensor

    def __init__(self, lmax: int, mmax: int | None = None) -> None:
        super().__init__()
        self.size = (lmax + 1) ** 2
        self.wigner = WignerMatrices(lmax)
        order: list[int] = []
        nonzero: list[int] = []
        for m in range(min(lmax, lmax if mmax is None else mmax) + 1):
            for sign in (1, -1) if m else (1,):
                for degree in range(m, lmax + 1):
                    inside = degree_slice(degree)
                    nonzero += [len(order) * self.size + column for column in range(inside.start, inside.stop)]
                    order.append(degree * degree + degree + sign * m)
        self.register_buffer("order", torch.tensor(order), persistent=False)
        self.register_buffer("nonzero", torch.tensor(nonzero), persistent=False)

    def forward(self, direction: Float[Tensor, "n k 3"], neighbors: Int[Tensor, "n k"]) -> EdgeRotations:
        with torch.autocast(direction.device.type, enabled=False):
            return EdgeRotations(*in_chunks(self._matrices, [direction], [], neighbors))

    def _matrices(self, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Both layouts of `EdgeRotations`."""
        one = direction.new_ones(*direction.shape[:2], 1, 1)
        blocks = [one, *self.wigner(edge_frames(direction))]
        starts = [degree_slice(degree).start for degree in range(len(blocks))]
        rows = [pad(d, (i, self.size - i - d.shape[-1])) for i, d in zip(starts, blocks, strict=True)]
        matrix = torch.cat(rows, 2).index_select(2, self.order)
        return matrix, matrix.flatten(2).index_select(2, self.nonzero)
