"""One output of a model, how it rotates, and its equivariance error."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.evaluation.equivariance.error import relative_error
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.rotation import rotated_features
from protein_enn.nn.spherical import degree_slice

NEGLIGIBLE = 1e-3
"""The error of a part of the features smaller than this fraction of the largest is relative to that fraction: features
that are zero by symmetry, such as the chirality of a planar molecule, have no size of their own."""


SMALLEST = 0.1
"""Å: an error in a displacement is relative to the largest displacement, or to this if all are smaller."""


@dataclass(frozen=True, eq=False)
class Output:
    """Predictions for n nodes or residues, float64 on the CPU."""

    values: Float[Tensor, "n d"]
    irreps: str  # how a row rotates
    reflects: bool = True  # whether the irreps also hold for reflections
    floor: float = 0.0  # the least scale that an error is relative to
    length: bool = False  # whether it is a displacement in Å

    def moved(self, rotation: Float[Tensor, "3 3"]) -> Output:
        """The expected output for the rotated molecule."""
        return replace(self, values=rotated_features(self.values, self.irreps, rotation))

    def at(self, index: Int[Tensor, "m"]) -> Output:
        """Some of its rows."""
        return replace(self, values=self.values[index])

    def error(self, found: Output) -> float:
        """The equivariance error of an output that should be equal to this one."""
        return relative_error(found.values, self.values, self.floor)


Outputs = dict[str, Output]


def displacement(values: Tensor, reflects: bool = True) -> Output:
    """Displacements (n, atoms, 3) in Å; the errors of those smaller than `SMALLEST` are relative to that."""
    return replace(output(values, "1o", reflects), floor=SMALLEST, length=True)


def output(values: Tensor, irreps: str = "0e", reflects: bool = True) -> Output:
    """Values (n) or (n, ...) whose trailing axes are multiples of one irrep: 0e, 0o or 1o (last axis 3).

    Parameters
    ----------
    values
        Of n nodes or residues.
    irreps
        One irrep.
    reflects
        Whether it also holds for reflections.

    Examples
    --------
    >>> import torch
    >>> output(torch.zeros(5, 14, 3), "1o").irreps
    '14x1o'
    """
    values = values.detach().double().cpu().reshape(len(values), -1)
    size = 2 * int(irreps[:-1]) + 1
    return Output(values, f"{values.shape[1] // size}x{irreps}", reflects)


def parts_of(features: Features, layout: Layout) -> Outputs:
    """Features by irrep: scalars, pseudoscalars, and each degree of either parity; empty ones are left out."""
    parts = {"scalars": output(features.scalars), "pseudoscalars": output(features.pseudoscalars, "0o")}
    kinds = (("", features.tensors, "eo"), ("pseudo ", features.pseudotensors, "oe"))
    for name, tensors, parities in kinds:
        for degree in range(1, layout.lmax + 1):
            inside = degree_slice(degree)
            irrep = f"{degree}{parities[degree % 2]}"
            part = tensors[:, inside.start - 1 : inside.stop - 1].transpose(1, 2)
            parts[f"{name}l = {degree}"] = output(part, irrep)
    parts = {name: part for name, part in parts.items() if part.values.shape[1]}
    largest = max((float(part.values.abs().max()) for part in parts.values()), default=0.0)
    return {name: replace(part, floor=NEGLIGIBLE * largest) for name, part in parts.items()}
