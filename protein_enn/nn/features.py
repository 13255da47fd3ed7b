"""What an encoder gives for each node: even and odd scalars and tensors of natural parity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.nn.spherical import degree_slice


@dataclass(frozen=True, eq=False)
class Features:
    """Node features by how they turn.

    `tensors` holds degrees 1, 2, ... of parity (-1)^l, components first, channels last, so that products over
    neighbours are matrix products; `flat` is the same in the (multiplicity, component) order of e3nn irreps.
    """

    scalars: Float[Tensor, "n h"]  # h x 0e
    pseudoscalars: Float[Tensor, "n p"]  # p x 0o
    tensors: Float[Tensor, "n m c"]  # c x 1o + c x 2e ..., m = (lmax + 1)^2 - 1

    @property
    def vectors(self) -> Float[Tensor, "n 3 c"]:
        """The c x 1o part."""
        return self.tensors[:, :3]

    def flat(self) -> Float[Tensor, "n d"]:
        """All features in the order of `irreps`."""
        n, m, _ = self.tensors.shape
        lmax = int((m + 1) ** 0.5) - 1
        parts = [self.scalars, self.pseudoscalars]
        for degree in range(1, lmax + 1):
            inside = degree_slice(degree)
            parts.append(self.tensors[:, inside.start - 1 : inside.stop - 1].transpose(1, 2).reshape(n, -1))
        return torch.cat(parts, -1)


def irreps(scalars: int, pseudoscalars: int, channels: int, lmax: int) -> str:
    """The e3nn string of `Features.flat`: "128x0e + 16x0o + 32x1o + 32x2e"."""
    parts = [f"{scalars}x0e", f"{pseudoscalars}x0o"]
    parts += [f"{channels}x{degree}{'eo'[degree % 2]}" for degree in range(1, lmax + 1) if channels]
    return " + ".join(parts)
