"""Metrics of a structure: similarity to its native, outliers, and errors to compare with predicted ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import residue_bonds
from protein_enn.evaluation.refinement.outcome import Pair
from protein_enn.metrics import (
    Stereochemistry,
    chi_errors,
    chi_fraction,
    gdt,
    lddt,
    match_residues,
    pooled_side_chain_rmsd,
)
from protein_enn.metrics.frame_error import frame_aligned_error
from protein_enn.metrics.lddt import best_naming
from protein_enn.structure import Structure

HA_RADIUS = 0.5
"""Å: GDT-HA is 1 without a search where no CA is farther from the native's without superposition."""


@dataclass(frozen=True, eq=False)
class Match:
    """The m residues that a model and its native have in common, and the atoms that both have."""

    native: Structure
    mine: Int[Tensor, "m"]  # rows of the model
    theirs: Int[Tensor, "m"]  # rows of the native
    present: Bool[Tensor, "m 37"]
    residues: Int[Tensor, "m"]


def match_native(model: Structure, native: Structure) -> Match:
    """Matches residues by sequence; ValueError if none matches or too few atoms for an lDDT are in common."""
    mine, theirs = match_residues(model, native, None, None)
    if len(mine) == 0:
        raise ValueError(f"{model.name}: no residue matches one of {native.name}")
    match = Match(native, mine, theirs, model.present[mine] & native.present[theirs], model.residues[mine])
    if not math.isfinite(_lddt(model, match, ca_only=False)[0]):
        raise ValueError(f"{model.name}: too few atoms in common with {native.name} for an lDDT")
    return match


def _lddt(structure: Structure, match: Match, *, ca_only: bool) -> tuple[float, Float[Tensor, "m"]]:
    x, y = structure.positions[match.mine], match.native.positions[match.theirs]
    result = lddt(x, y, match.present, ca_only=ca_only, residues=match.residues)
    return result.mean, result.per_residue


def structure_metrics(
    structure: Structure, match: Match, geometry: Stereochemistry, with_gdt: bool
) -> tuple[dict[str, float | None], Float[Tensor, "m"]]:
    """Metrics of a structure.

    Parameters
    ----------
    structure
        The model before or after a refinement.
    match
        Of the model and its native.
    geometry
        Outliers of the structure.
    with_gdt
        GDT-HA too.

    Returns
    -------
    tuple
        Metrics by column: lDDT, GDT and chi accuracies are fractions (0..1), side-chain RMSD is in Å, outliers are
        counts. And the all-heavy-atom lDDT of each matched residue.
    """
    score, per_residue = _lddt(structure, match, ca_only=False)
    ours, theirs, present = structure.take(match.mine), match.native.take(match.theirs), match.present
    x, y, errors = ours.positions, theirs.positions, chi_errors(ours, theirs)
    named = ours.with_positions(best_naming(x, y, present, match.residues))
    result: dict[str, float | None] = {
        "lddt": score,
        "ca_lddt": _finite(_lddt(structure, match, ca_only=True)[0]),
        "gdt_ha": _gdt_ha(x, y, present) if with_gdt else None,
        "chi1": chi_fraction(errors[:, [0]]),
        "chi2": chi_fraction(errors[:, [1]]),
        "side_chain_rmsd": pooled_side_chain_rmsd(named, theirs),
    }
    return result | {key: float(value) for key, value in geometry.summary().items()}, per_residue


def _gdt_ha(x: Float[Tensor, "m 37 3"], y: Float[Tensor, "m 37 3"], present: Bool[Tensor, "m 37"]) -> float | None:
    both = present[:, chemistry.CA]
    ours, theirs = x[both, chemistry.CA], y[both, chemistry.CA]
    if len(ours) < 3:
        return None
    return 1.0 if float((ours - theirs).norm(dim=-1).max()) <= HA_RADIUS else gdt(ours, theirs)[1]


def new_outliers(before: Stereochemistry, after: Stereochemistry) -> dict[str, int]:
    """By kind, the residues that have an outlier after and had none of that kind before."""
    return {kind: int((after.masks[kind] & ~mask).sum()) for kind, mask in before.masks.items()}


def new_breaks(before: Structure, after: Structure) -> int:
    """Broken bonds between residues: peptide bonds longer than chemistry.PEPTIDE_BREAK, and links as much too long."""
    bonds = residue_bonds(before)
    longest = bonds.ideal_lengths() + chemistry.PEPTIDE_BREAK - chemistry.PEPTIDE_BOND
    sound, broken = bonds.lengths(before.positions) < longest, bonds.lengths(after.positions) >= longest
    return int((sound & broken).sum())


def displacement_of_ca(before: Structure, after: Structure) -> tuple[float | None, float | None]:
    """Median and largest displacement of CA atoms, Å, without superposition."""
    present = before.present[:, chemistry.CA]
    if not present.any():
        return None, None
    distance = (after.ca[present] - before.ca[present]).norm(dim=-1)
    return float(distance.median()), float(distance.max())


def frame_error(structure: Structure, match: Match) -> Float[Tensor, "m"]:
    """`metrics.frame_error.frame_aligned_error` of a structure, which `Refinement.error_after` predicts; m residues."""
    present, x, y = match.present, structure.positions[match.mine], match.native.positions[match.theirs]
    return frame_aligned_error(best_naming(x, y, present, match.residues), y, present)


def pair(predicted: Float[Tensor, "m"], true: Float[Tensor, "m"]) -> Pair:
    """Both as lists with None for nan."""
    return _list(predicted.tolist()), _list(true.tolist())


def _list(values: Sequence[float]) -> list[float | None]:
    return [round(v, 5) if math.isfinite(v) else None for v in values]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
