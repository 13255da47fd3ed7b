"""The features of nodes: scalars and tensors of both parities, and how many of each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.nn.spherical import degree_slice


def irreps_of(*parts: tuple[int, int, str]) -> str:
    """The e3nn string of features given as (count, degree, parity), parity "e" or "o". Counts of 0 are left out.

    Examples
    --------
    >>> irreps_of((64, 0, "e"), (0, 0, "o"), (8, 1, "o"))
    '64x0e + 8x1o'
    """
    return " + ".join(f"{count}x{degree}{parity}" for count, degree, parity in parts if count)


def degree_parts(count: int, first: int, lmax: int, natural: bool = True) -> list[tuple[int, int, str]]:
    """`count` features of each degree from `first` to lmax, of parity (-1)^l or (not `natural`) of the other parity."""
    parities = "eo" if natural else "oe"
    return [(count, degree, parities[degree % 2]) for degree in range(first, lmax + 1)]


@dataclass(frozen=True)
class Layout:
    """How many features of each kind: scalars x 0e + pseudoscalars x 0o + channels x (1o + 2e + ... lmax)
    + pseudochannels x (1e + 2o + ... lmax).

    Examples
    --------
    >>> Layout(scalars=128, pseudoscalars=16, channels=32, lmax=2).irreps
    '128x0e + 16x0o + 32x1o + 32x2e'
    """

    scalars: int
    pseudoscalars: int = 0
    channels: int = 0  # of each degree 1 .. lmax with the parity (-1)^l of the harmonics
    pseudochannels: int = 0  # of each degree 1 .. lmax with the other parity
    lmax: int = 0

    @property
    def irreps(self) -> str:
        """The e3nn string of `Features.flat`: "128x0e + 16x0o + 32x1o + 32x2e + 8x1e + 8x2o"."""
        natural = irreps_of(*degree_parts(self.channels, 1, self.lmax))
        other = irreps_of(*degree_parts(self.pseudochannels, 1, self.lmax, natural=False))
        parts = [f"{self.scalars}x0e", f"{self.pseudoscalars}x0o", natural, other]
        return " + ".join(part for part in parts if part)


@dataclass(frozen=True, eq=False)
class Features:
    """Node features, sorted by how they transform under rotations and reflections.

    `tensors` holds degrees 1, 2, ... of parity (-1)^l, `pseudotensors` those of the other parity. Components come
    first, channels last, so that products over neighbors are matrix products. `flat` is the same in the (multiplicity,
    component) order of e3nn irreps.
    """

    scalars: Float[Tensor, "n h"]  # h x 0e
    pseudoscalars: Float[Tensor, "n p"]  # p x 0o
    tensors: Float[Tensor, "n m c"]  # c x 1o + c x 2e ..., m = (lmax + 1)^2 - 1
    pseudotensors: Float[Tensor, "n m q"]  # q x 1e + q x 2o ...

    @property
    def vectors(self) -> Float[Tensor, "n 3 c"]:
        """The c x 1o part; (n, 3, 0) where there are no tensors."""
        if not self.tensors.shape[1]:
            return self.tensors.new_zeros(len(self.tensors), 3, 0)
        return self.tensors[:, :3]

    def flat(self) -> Float[Tensor, "n d"]:
        """All features in the order of `Layout.irreps`."""
        n, m, _ = self.tensors.shape
        lmax = int((m + 1) ** 0.5) - 1
        parts = [self.scalars, self.pseudoscalars]
        for tensors in (self.tensors, self.pseudotensors):
            for degree in range(1, lmax + 1):
                inside = degree_slice(degree)
                parts.append(tensors[:, inside.start - 1 : inside.stop - 1].transpose(1, 2).reshape(n, -1))
        return torch.cat(parts, -1)
