"""Copies that are to be the same: which residues correspond, and by which motions. Torch only; Å."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from protein_enn.geometry.symmetry.operators import Operators

CLOSED = 1e-6
"""How far products of a point group's elements may be from elements (no unit for R; Å for t at 1 Å of center)."""


@dataclass(frozen=True, eq=False)
class Symmetry:
    """k copies of a unit of m residues: residue j of the unit is row `rows[c, j]` of the structure in copy c.

    Copy c is where operator c puts copy 0: x -> R_c x + t_c. For a point group Cn or Dn all copies are equivalent; in a
    helix or other open copies those at the ends have other neighbors, so copy 0 is the one the others follow.
    Residues in no row are outside the symmetry. ValueError for rows that repeat, rotations that are none, or a point
    group whose operators do not close.
    """

    name: str  # "C3", "D2", "helix" or "copies"
    rotations: Float[Tensor, "k 3 3"]  # float64
    shifts: Float[Tensor, "k 3"]  # float64, Å
    rows: Int[Tensor, "k m"]
    present: Bool[Tensor, "k m 37"]  # which atoms each copy has
    notes: tuple[str, ...] = ()  # in words: what is outside, what not every copy has

    def __post_init__(self) -> None:
        Operators(self.name, self.rotations, self.shifts)  # its checks
        if self.rows.shape[0] != len(self.rotations) or self.present.shape[:2] != self.rows.shape:
            raise ValueError(
                f"{self.name}: {len(self.rotations)} operators, rows {tuple(self.rows.shape)}, present"
                f" {tuple(self.present.shape)}: give as many rows (k, m) and atoms (k, m, 37) as operators"
            )
        if len(self.rows.unique()) != self.rows.numel() or (self.rows < 0).any():
            raise ValueError(f"{self.name}: a residue is in two copies, or twice in one; each row may stand once")
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
        return Operators(self.name, self.rotations, self.shifts)

    @property
    def common(self) -> Bool[Tensor, "m 37"]:
        """Atoms that every copy has."""
        return self.present.all(0)

    def pulled(self, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "k m 37 3"]:
        """Every copy put back on the unit: R_c^T (x - t_c), in float64."""
        x = positions.double()[self.rows] - self.shifts[:, None, None]
        return x @ self.rotations[:, None]

    def spread_out(self, unit: Float[Tensor, "m 37 3"], positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n 37 3"]:
        """`positions` with every atom that a copy has where its operator puts that atom of the unit.

        Atoms that stand there already, as exactly as their type of number can say, stay to the last bit.
        """
        old = positions[self.rows]
        new = (unit.double() @ self.rotations[:, None].mT + self.shifts[:, None, None]).to(positions.dtype)
        exact = 2 * torch.finfo(positions.dtype).eps * old.abs().amax((0, 3), keepdim=True)
        still = (((new - old).abs() <= exact).all(-1) | ~self.present).all(0)[..., None]
        result = positions.clone()
        result[self.rows] = torch.where(self.present[..., None] & ~still, new, old)
        return result

    def symmetrized(self, positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n 37 3"]:
        """All copies made the same: the mean of a point group's, else copy 0, and put out again.

        An atom that some copies lack is the mean of the others, or taken from the first that has it. Computed in
        float64, so that copies agree to the rounding of the given type: below 1e-4 Å in float32 up to 500 Å from the
        origin. What is symmetric already stays to the last bit. Residues outside stay.
        """
        weights = self.present.double()
        if not self.is_point_group:
            weights = (self.present & (self.present.cumsum(0) == 1)).double()
        weights = weights / weights.sum(0).clamp_min(1)
        return self.spread_out((weights[..., None] * self.pulled(positions)).sum(0), positions)

    def worst(self, values: Shaped[Tensor, "n *a"]) -> Shaped[Tensor, "n *a"]:
        """The same value in all copies: the smallest of shares (float), true if it is true of any (bool).

        Per residue (n,) or per atom (n, 37); an atom that a copy lacks has no say.
        """
        chosen = values[self.rows]  # (k, m, ...)
        if chosen.dim() == 3:
            neutral = torch.zeros_like(chosen) if values.dtype == torch.bool else torch.full_like(chosen, torch.inf)
            chosen = torch.where(self.present, chosen, neutral)
        least = chosen.any(0) if values.dtype == torch.bool else chosen.amin(0)
        result = values.clone()
        put = least.expand_as(chosen)
        result[self.rows] = torch.where(self.present, put, values[self.rows]) if chosen.dim() == 3 else put
        return result

    def deviation(self, positions: Float[Tensor, "n 37 3"]) -> float:
        """Operator RMSD in Å: the largest over the operators of the RMS distance, over common atoms, from where the
        operator puts copy 0 to where the copy is."""
        unit = positions.double()[self.rows[0]]
        there = unit @ self.rotations[:, None].mT + self.shifts[:, None, None]
        square = (positions.double()[self.rows] - there).square().sum(-1)[:, self.common]
        return float(square.mean(1).max().sqrt()) if square.numel() else 0.0


def closure_error(rotations: Float[Tensor, "k 3 3"], shifts: Float[Tensor, "k 3"]) -> float:
    """How far the product of any two operators is at most from the nearest of them: max |R| and |t| / (1 + max |t|)."""
    product = rotations[:, None] @ rotations  # (k, k, 3, 3): first b, then a
    shift = (rotations[:, None] @ shifts[None, :, :, None])[..., 0] + shifts[:, None]
    scale = 1 + float(shifts.norm(dim=-1).max())
    worst = 0.0
    for turned, put in zip(product, shift, strict=True):  # k at a time bounds the memory
        apart = (turned[:, None] - rotations).abs().amax((2, 3))
        apart = torch.maximum(apart, (put[:, None] - shifts).norm(dim=-1) / scale)
        worst = max(worst, float(apart.amin(1).max()))
    return worst
