"""One output of a model, how it turns, and how far it is from where it should be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.evaluation.equivariance.error import relative_error
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.rotation import rotated_features
from protein_enn.nn.spherical import degree_slice

NEGLIGIBLE = 1e-3
"""A part of the features below this share of the largest is measured against that share: what should be zero by
symmetry, such as the handedness of a planar molecule, has no size of its own to be measured against."""


SMALLEST = 0.1
"""Å: an error in a displacement is relative to the largest displacement, or to this if all are smaller."""


@dataclass(frozen=True, eq=False)
class Output:
    """What a model says of n nodes or residues, float64 on the CPU."""

    values: Float[Tensor, "n d"]
    irreps: str  # how a row turns
    reflects: bool = True  # whether the irreps also tell the sign in the mirror
    floor: float = 0.0  # the least scale that an error is measured against
    length: bool = False  # whether it is a displacement in Å

    def moved(self, turn: Float[Tensor, "3 3"]) -> Output:
        """What the same output must be after the molecule turned."""
        return replace(self, values=rotated_features(self.values, self.irreps, turn))

    def at(self, index: Int[Tensor, "m"]) -> Output:
        """Some rows of it."""
        return replace(self, values=self.values[index])

    def error(self, found: Output) -> float:
        """The equivariance error of what was found."""
        return relative_error(found.values, self.values, self.floor)


Outputs = dict[str, Output]


def displacement(values: Tensor, reflects: bool = True) -> Output:
    """Displacements (n, atoms, 3) in Å; smaller ones than `SMALLEST` are measured against that."""
    return replace(output(values, "1o", reflects), floor=SMALLEST, length=True)


def output(values: Tensor, irreps: str = "0e", reflects: bool = True) -> Output:
    """Values (n) or (n, ...) whose trailing axes hold as many of one irrep as fit: 0e, 0o or 1o (last axis 3)."""
    values = values.detach().double().cpu().reshape(len(values), -1)
    size = 2 * int(irreps[:-1]) + 1
    return Output(values, f"{values.shape[1] // size}x{irreps}", reflects)


def parts_of(features: Features, layout: Layout) -> Outputs:
    """Features by irrep: scalars, pseudoscalars, each degree of either parity; those that there are."""
    found = {"scalars": output(features.scalars), "pseudoscalars": output(features.pseudoscalars, "0o")}
    kinds = (("", features.tensors, "eo"), ("pseudo ", features.pseudotensors, "oe"))
    for name, tensors, parities in kinds:
        for degree in range(1, layout.lmax + 1):
            inside = degree_slice(degree)
            irrep = f"{degree}{parities[degree % 2]}"
            part = tensors[:, inside.start - 1 : inside.stop - 1].transpose(1, 2)
            found[f"{name}l = {degree}"] = output(part, irrep)
    found = {name: part for name, part in found.items() if part.values.shape[1]}
    largest = max((float(part.values.abs().max()) for part in found.values()), default=0.0)
    return {name: replace(part, floor=NEGLIGIBLE * largest) for name, part in found.items()}
