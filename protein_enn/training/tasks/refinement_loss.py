"""Losses of refinement, the same for every naming of equivalent atoms and every placement of the molecule.

Lengths Å, atoms in atom14 layout. Large errors, which cannot be undone, count little: |e| enters as log(1 + |e|),
distances through the smooth lDDT, which is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.atom14 import exchange_equivalent
from protein_enn.geometry.frames import backbone_frames
from protein_enn.metrics.lddt import INCLUSION_RADIUS, THRESHOLDS
from protein_enn.nn.radial import safe_norm

CLASH = 0.4
HYDROGEN_BOND = 0.4
"""Å, as `metrics.clashes` counts."""
SHARPNESS = 0.1
"""Å or a fifth of the threshold: width of the steps of the smooth lDDT."""
_EXACT = "donot_use_mm_for_euclid_dist"


@dataclass(frozen=True, eq=False)
class RefinementTarget:
    """The native, its equivalent atoms named as in the input; `mask` is of the atoms that both have."""

    atom14: Float[Tensor, "n 14 3"]
    mask: Bool[Tensor, "n 14"]
    graph_index: Int[Tensor, "n"]

    def rotated(self, rotation: Float[Tensor, "3 3"]) -> RefinementTarget:
        """The target of the rotated or mirrored graph."""
        return replace(self, atom14=self.atom14 @ rotation.T)


def closest_naming(start: Tensor, native: Tensor, mask: Tensor, residues: Tensor) -> Float[Tensor, "n 14 3"]:
    """The native with equivalent atoms of each residue named as in the input.

    Parameters
    ----------
    start, native
        Positions (n, 14, 3), Å.
    mask
        Atoms (n, 14) that both have.
    residues
        Types of the n residues.

    Returns
    -------
    Tensor
        The native, named so that distances of each residue's atoms to its N, CA and C are most like those of `start`.
    """
    exchanged, can = exchange_equivalent(native, residues)

    def misfit(candidate: Tensor) -> Tensor:
        target = safe_norm(candidate[:, :, None] - candidate[:, None, :3])
        distances = safe_norm(start[:, :, None] - start[:, None, :3])
        return ((target - distances).abs() * mask[..., None]).sum((1, 2))

    better = can & (misfit(exchanged) < misfit(native)) & mask[:, :3].all(1)
    return torch.where(better[:, None, None], exchanged, native)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """For each residue the rows of itself and of m random neighbors, and which of these exist."""

    rows: Int[Tensor, "n m"]
    exists: Bool[Tensor, "n m"]

    @staticmethod
    def draw(neighbors: Tensor, mask: Tensor, count: int, generator: torch.Generator) -> Surroundings:
        """Itself first, then `count` of its k neighbors.

        Parameters
        ----------
        neighbors, mask
            Rows (n, k), and which of them exist.
        count
            How many are drawn, with replacement.
        generator
            Of the draw.
        """
        n, k = neighbors.shape
        column = torch.randint(k, (n, count), generator=generator).to(neighbors.device)
        itself = torch.arange(n, device=neighbors.device)[:, None]
        rows = torch.cat([itself, neighbors.gather(1, column)], 1)
        return Surroundings(rows, torch.cat([mask.new_ones(n, 1), mask.gather(1, column)], 1))

    def of(self, values: Shaped[Tensor, "n *f"]) -> Shaped[Tensor, "n m *f"]:
        """The values of those rows; `index_select` because its gradient is much faster than that of indexing."""
        return values.index_select(0, self.rows.reshape(-1)).view(*self.rows.shape, *values.shape[1:])


def frame_aligned_errors(
    atoms: Float[Tensor, "n 14 3"], target: RefinementTarget, around: Surroundings
) -> tuple[Float[Tensor, "n m 14"], Bool[Tensor, "n m 14"]]:
    """|T_i^-1 x_a - T_i'^-1 x_a'| for the frame of residue i and atoms a near it: AlphaFold 2, alg. 28.

    Parameters
    ----------
    atoms
        Positions, Å.
    target
        The native.
    around
        The residues near each one.

    Returns
    -------
    tuple
        Errors (Å), and which of them are defined.
    """

    def local(atoms: Tensor) -> Tensor:
        frames = backbone_frames(atoms[:, 0], atoms[:, 1], atoms[:, 2])
        offsets = around.of(atoms) - atoms[:, None, 1:2]
        return (offsets.flatten(1, 2) @ frames.transpose(1, 2)).view(offsets.shape)

    mask = around.of(target.mask) & around.exists[..., None] & target.mask[:, :3].all(1)[:, None, None]
    return safe_norm(local(atoms) - local(target.atom14)), mask


def frame_loss(error: Float[Tensor, "n m 14"], mask: Bool[Tensor, "n m 14"]) -> Float[Tensor, ""]:
    """Mean of log(1 + error); the atoms of the residue itself count as much as those of half of its neighbors."""
    weight = mask.to(error.dtype)
    weight = torch.cat([weight[:, :1] * (error.shape[1] - 1) / 2, weight[:, 1:]], 1)
    return (error.log1p() * weight).sum() / weight.sum().clamp_min(1)


def distance_losses(
    atoms: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], target: RefinementTarget, around: Surroundings
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Losses over pairs of atoms of two residues.

    Parameters
    ----------
    atoms, residues
        Positions (Å), and types of the residues.
    target
        The native.
    around
        The residues near each one.

    Returns
    -------
    tuple
        1 - smooth lDDT, and the mean depth (Å) of clashes that the native does not have.
    """
    neighbors = Surroundings(around.rows[:, 1:], around.exists[:, 1:])
    n = len(atoms)

    def distances(x: Tensor) -> Tensor:
        return safe_norm(x[:, :, None] - neighbors.of(x).flatten(1, 2)[:, None])

    mask = (neighbors.of(target.mask) & neighbors.exists[..., None]).flatten(1)[:, None] & target.mask[:, :, None]
    native, current = distances(target.atom14), distances(atoms)
    error = (current - native).abs()
    near = mask & (native < INCLUSION_RADIUS)
    score = sum(torch.sigmoid((t - error) / (SHARPNESS * (1 + t))) for t in THRESHOLDS) / len(THRESHOLDS)
    lddt = (score * near).sum() / near.sum().clamp_min(1)
    radii, polar = _radii(residues)
    limit = radii[:, :, None] + neighbors.of(radii).flatten(1)[:, None] - CLASH
    limit = limit - HYDROGEN_BOND * (polar[:, :, None] & neighbors.of(polar).flatten(1)[:, None])
    depth = (torch.minimum(limit, native) - current).clamp_min(0) * mask
    return 1 - lddt, depth.sum() / max(n, 1)


def _radii(residues: Int[Tensor, "n"]) -> tuple[Float[Tensor, "n 14"], Bool[Tensor, "n 14"]]:
    """Van der Waals radii (Å) of the atoms, and which are N or O."""
    names = [[chemistry.ATOMS[slot][0] if slot >= 0 else "C" for slot in row] for row in chemistry.ATOM14]
    radii = torch.tensor([[chemistry.VDW_RADII[name] for name in row] for row in names])
    polar = torch.tensor([[name in "NO" for name in row] for row in names])
    return radii.to(residues.device)[residues], polar.to(residues.device)[residues]


def bonded_loss(
    atoms: Float[Tensor, "n 14 3"], target: RefinementTarget, bonded: Bool[Tensor, "n"]
) -> Float[Tensor, ""]:
    """Mean |d - d'| over atom pairs within 2.7 Å in the native: bonds and angles, in and between residues.

    Parameters
    ----------
    atoms
        Positions, Å.
    target
        The native.
    bonded
        Residues bonded to the next one.

    Returns
    -------
    Tensor
        Å.
    """
    joined = torch.cat([atoms[:-1], atoms[1:, :3]], 1)
    native_atoms = torch.cat([target.atom14[:-1], target.atom14[1:, :3]], 1)
    mask = torch.cat([target.mask[:-1], bonded[:-1, None] & target.mask[1:, :3]], 1)
    native = safe_norm(native_atoms[:, :, None] - native_atoms[:, None])
    distances = safe_norm(joined[:, :, None] - joined[:, None])
    pairs = mask[:, :, None] & mask[:, None] & (native < 2.7)
    pairs = pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
    return ((distances - native).abs() * pairs).sum() / pairs.sum().clamp_min(1)


@torch.no_grad()
def sampled_lddt(
    atom14: Float[Tensor, "n 14 3"], target: RefinementTarget, generator: torch.Generator
) -> Float[Tensor, "n"]:
    """All-heavy-atom lDDT of each residue, from 4 of its atoms against 2 of every other residue, drawn at random.

    An estimate from a sample of the pairs that `metrics.lddt` counts, at a twentieth of the cost.

    Parameters
    ----------
    atom14
        Positions, Å.
    target
        The native.
    generator
        Of the draw.

    Returns
    -------
    Tensor
        0 to 1; 1 for a residue with no atom near it.
    """
    result = torch.ones(len(atom14), device=atom14.device)
    columns = (torch.rand(len(atom14), 14, generator=generator).to(atom14.device) * target.mask).topk(4, dim=1)
    for number in range(int(target.graph_index.max()) + 1):
        inside = (target.graph_index == number).nonzero()[:, 0]
        column, present = columns.indices[inside], columns.values[inside] > 0
        n = len(inside)
        x, y = (a[inside].gather(1, column[..., None].expand(-1, -1, 3)) for a in (atom14, target.atom14))
        native, current = (
            torch.cdist(a.reshape(-1, 3), a[:, :2].reshape(-1, 3), compute_mode=_EXACT).view(n, 4, n, 2) for a in (y, x)
        )
        itself = torch.eye(n, dtype=torch.bool, device=x.device)[:, None, :, None]
        pairs = (native < INCLUSION_RADIUS) & present[:, :, None, None] & present[:, :2][None, None] & ~itself
        error = (current - native).abs_()
        score = sum((error < t).float() for t in THRESHOLDS) * pairs / len(THRESHOLDS)
        counted = pairs.sum((1, 2, 3))
        result[inside] = torch.where(counted > 0, score.sum((1, 2, 3)) / counted.clamp_min(1), 1.0)
    return result
