"""The symmetry of a structure: which residues of its copies correspond, and by which motions. Å."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from protein_enn.geometry.symmetry.operators import Operators

CLOSED = 1e-6
"""Largest difference of products of a point group's elements from elements (t: in Å, 1 Å from the center)."""


@dataclass(frozen=True, eq=False)
class Symmetry:
    """k copies of a unit of m residues: residue j of the unit is row `rows[c, j]` of the structure in copy c.

    Operator c moves copy 0 to copy c: x -> R_c x + t_c. In a point group Cn or Dn all copies are equivalent. In a helix
    or another open arrangement the copies at the ends have other neighbors, so copy 0 determines the others.
    Residues in no row are outside the symmetry. ValueError for rows that repeat, matrices that are not rotations, or a
    point group whose operators are not closed under products.
    """

    name: str  # "C3", "D2", "helix" or "copies"
    rotations: Float[Tensor, "k 3 3"]  # float64
    shifts: Float[Tensor, "k 3"]  # float64, Å
    rows: Int[Tensor, "k m"]
    present: Bool[Tensor, "k m 37"]  # which atoms each copy has
    notes: tuple[str, ...] = ()  # sentences: what is outside, what not every copy has

    def __post_init__(self) -> None:
        Operators(self.name, self.rotations, self.shifts)  # its checks
        if self.rows.shape[0] != len(self.rotations) or self.present.shape[:2] != self.rows.shape:
            raise ValueError(
                f"{self.name}: {len(self.rotations)} operators, rows {tuple(self.rows.shape)}, present"
                f" {tuple(self.present.shape)}: give as many rows (k, m) and atoms (k, m, 37) as operators"
            )
        if len(self.rows.unique()) != self.rows.numel() or (self.rows < 0).any():
            raise ValueError(f"{self.name}: a residue is in two copies, or twice in one; each row may occur once")
        if self.is_point_group and (error := closure_error(self.rotations, self.shifts)) > CLOSED:
            raise ValueError(
                f"{self.name}: products of its operators are {error:.2g} off any of them: they are no point group;"
                " name them 'copies', or fit the group"
            )

    def __len__(self) -> int:
        return len(self.rotations)

    @property
    def is_point_group(self) -> bool:
        """Whether all copies are equivalent, so that their mean is taken."""
        return self.name[:1] in ("C", "D") and self.name[1:].isdigit()

    @property
    def operators(self) -> Operators:
        """The motions alone."""
        return Operators(self.name, self.rotations, self.shifts)

    @property
    def common(self) -> Bool[Tensor, "m 37"]:
        """Atoms that every copy has."""
        return self.present.all(0)

    def copies_on_unit(self, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "k m 37 3"]:
        """Every copy moved onto the unit: R_c^T (x - t_c), in float64."""
        x = positions.double()[self.rows] - self.shifts[:, None, None]
        return x @ self.rotations[:, None]

    def with_unit(self, unit: Float[Tensor, "m 37 3"], positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n 37 3"]:
        """`positions` with the atoms of every copy generated from the unit by its operator.

        Atoms that are there already, within the rounding of their type, do not change by a bit.
        """
        old = positions[self.rows]
        new = (unit.double() @ self.rotations[:, None].mT + self.shifts[:, None, None]).to(positions.dtype)
        exact = 2 * torch.finfo(positions.dtype).eps * old.abs().amax((0, 3), keepdim=True)
        unchanged = (((new - old).abs() <= exact).all(-1) | ~self.present).all(0)[..., None]
        result = positions.clone()
        result[self.rows] = torch.where(self.present[..., None] & ~unchanged, new, old)
        return result

    def symmetrized(self, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n 37 3"]:
        """Exactly symmetric positions: all copies generated from their mean (point groups), or from copy 0.

        An atom that some copies lack is the mean of the others, or taken from the first copy that has it. Computed in
        float64, so that copies agree to the rounding of the type of `positions`: below 1e-4 Å in float32 up to 500 Å
        from the origin. Atoms that are symmetric already do not change by a bit. Residues outside do not change.
        """
        weights = self.present.double()
        if not self.is_point_group:
            weights = (self.present & (self.present.cumsum(0) == 1)).double()
        weights = weights / weights.sum(0).clamp_min(1)
        return self.with_unit((weights[..., None] * self.copies_on_unit(positions)).sum(0), positions)

    def worst(self, values: Shaped[Tensor, "n *a"]) -> Shaped[Tensor, "n *a"]:
        """The same value in all copies: the smallest of numbers (such as mobility), True if any is True (bool).

        Per residue (n,) or per atom (n, 37). An atom that a copy lacks does not count.
        """
        in_copies = values[self.rows]  # (k, m, ...)
        if in_copies.dim() == 3:
            shape = in_copies
            neutral = torch.zeros_like(shape) if values.dtype == torch.bool else torch.full_like(shape, torch.inf)
            in_copies = torch.where(self.present, in_copies, neutral)
        lowest = in_copies.any(0) if values.dtype == torch.bool else in_copies.amin(0)
        result = values.clone()
        new = lowest.expand_as(in_copies)
        result[self.rows] = torch.where(self.present, new, values[self.rows]) if in_copies.dim() == 3 else new
        return result

    def deviation(self, positions: Float[Tensor, "n 37 3"]) -> float:
        """Operator RMSD in Å: the RMS distance, over common atoms, between copy 0 moved by an operator and the copy
        itself; the largest over the operators."""
        unit = positions.double()[self.rows[0]]
        generated = unit @ self.rotations[:, None].mT + self.shifts[:, None, None]
        square = (positions.double()[self.rows] - generated).square().sum(-1)[:, self.common]
        return float(square.mean(1).max().sqrt()) if square.numel() else 0.0


def closure_error(rotations: Float[Tensor, "k 3 3"], shifts: Float[Tensor, "k 3"]) -> float:
    """The largest difference of a product of two operators from the nearest operator: max |R|, |t| / (1 + max |t|)."""
    product = rotations[:, None] @ rotations  # (k, k, 3, 3): first b, then a
    shift = (rotations[:, None] @ shifts[None, :, :, None])[..., 0] + shifts[:, None]
    scale = 1 + float(shifts.norm(dim=-1).max())
    worst = 0.0
    for rotation, translation in zip(product, shift, strict=True):  # k at a time bounds the memory
        difference = (rotation[:, None] - rotations).abs().amax((2, 3))
        difference = torch.maximum(difference, (translation[:, None] - shifts).norm(dim=-1) / scale)
        worst = max(worst, float(difference.amin(1).max()))
    return worst
