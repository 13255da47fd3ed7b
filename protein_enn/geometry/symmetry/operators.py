"""Operators: rigid motions from a unit of a structure to its copies. Float64; Å and degrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.geometry.rotations import rotation_about

ORTHONORMAL = 1e-9
"""Largest difference of R R^T from the identity."""
ROUNDED = 1e-2
"""The same for matrices of files, before they are made exact; beyond it a matrix is not a rotation."""
FARTHEST = 1e5
"""Å; a larger shift is a mistake, and coordinates in float64 would lose significant digits."""


@dataclass(frozen=True, eq=False)
class Operators:
    """k motions x -> R x + t, the identity first. Operator c moves the unit to its copy c.

    `name` is "C3" or "D2" for a point group, "helix", or "copies" for any others. ValueError where an R is not a proper
    rotation or the first motion is not the identity.
    """

    name: str
    rotations: Float[Tensor, "k 3 3"]  # float64
    shifts: Float[Tensor, "k 3"]  # float64, Å

    def __post_init__(self) -> None:
        check_motions(self.rotations, self.shifts, self.name, ORTHONORMAL)
        identity = torch.eye(3, dtype=torch.float64)
        if not torch.equal(self.rotations[0], identity) or self.shifts[0].any():
            raise ValueError(f"{self.name}: the first operator is not the identity; put the unit itself first")

    def __len__(self) -> int:
        return len(self.rotations)

    def copies(self, points: Float[Tensor, "m 3"]) -> Float[Tensor, "k m 3"]:
        """The points of the unit in each copy, in float64."""
        return points.double() @ self.rotations.mT + self.shifts[:, None]


def check_motions(rotations: Tensor, shifts: Tensor, name: str, tolerance: float) -> None:
    """Checks motions x -> R x + t.

    Parameters
    ----------
    rotations, shifts
        R (k, 3, 3) and t (k, 3), Å.
    name
        Of the operators, for messages.
    tolerance
        Largest element of R R^T - 1.

    Raises
    ------
    ValueError
        Not float64, not finite, not proper rotations, or shifts longer than `FARTHEST`.
    """
    if rotations.dtype != torch.float64 or shifts.dtype != torch.float64 or not len(rotations):
        raise ValueError(f"{name}: operators are one or more float64 rotations (k, 3, 3) and shifts (k, 3)")
    finite = torch.isfinite(rotations).all((1, 2)) & torch.isfinite(shifts).all(1)
    error = (rotations @ rotations.mT - torch.eye(3, dtype=torch.float64)).abs().amax((1, 2))
    determinant = torch.linalg.det(torch.where(finite[:, None, None], rotations, 0.0))
    for c in range(len(rotations)):
        where = f"{name}: operator {c + 1} of {len(rotations)}"
        if not finite[c] or shifts[c].norm() > FARTHEST:
            raise ValueError(f"{where} has numbers that are not finite, or a shift beyond {FARTHEST:g} Å; correct it")
        if determinant[c] < 0 and error[c] <= tolerance:
            raise ValueError(f"{where} is a reflection (determinant {float(determinant[c]):.3f}): proteins are chiral")
        if error[c] > tolerance:
            raise ValueError(
                f"{where} is no rotation: R R^T is {float(error[c]):.2g} off the identity; correct its matrix"
            )


def helical_operators(
    rise: float,
    twist: float,
    count: int,
    *,
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0),
    center: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Operators:
    """The operators of a helix, in the order 0, 1, -1, 2, -2, ...: the unit is in the middle.

    Parameters
    ----------
    rise
        Å along the axis from one subunit to the next.
    twist
        Degrees about the axis from one subunit to the next, right-handed about its direction: a negative twist gives a
        left-handed helix (for a positive rise).
    count
        Subunits, at least 2.
    axis
        Direction of the axis, of any length.
    center
        A point on the axis, Å.

    Returns
    -------
    Operators
        `count` motions, named "helix".

    Raises
    ------
    ValueError
        A number is not finite, the axis is zero, `count` is below 2, or all subunits coincide.

    Examples
    --------
    >>> operators = helical_operators(4.75, -1.2, 5)
    >>> operators.shifts[:, 2].tolist()
    [0.0, 4.75, -4.75, 9.5, -9.5]
    """
    numbers = (rise, twist, *axis, *center)
    direction, point = torch.tensor(axis, dtype=torch.float64), torch.tensor(center, dtype=torch.float64)
    if not all(math.isfinite(x) for x in numbers) or direction.norm() < 1e-6:
        raise ValueError(f"helix: rise {rise}, twist {twist}, axis {axis}, center {center}: finite, axis not zero")
    if count < 2:
        raise ValueError(f"helix: count is {count}: a helix has at least 2 subunits")
    if rise == 0 and math.isclose(math.remainder(twist, 360.0), 0.0, abs_tol=1e-9):
        raise ValueError(f"helix: rise {rise} Å and twist {twist} degrees put all subunits in one place; give either")
    direction = direction / direction.norm()
    steps = [(s + 1) // 2 * (1 if s % 2 else -1) for s in range(count)]
    rotations = torch.stack([rotation_about(direction, math.radians(s * twist)) for s in steps])
    shifts = torch.stack([point - r @ point + s * rise * direction for s, r in zip(steps, rotations, strict=True)])
    return Operators("helix", rotations, shifts)
