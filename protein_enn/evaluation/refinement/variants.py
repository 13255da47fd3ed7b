"""What is done to a model, ours and the baselines, and its measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.evaluation.refinement.cases import RefinementCase
from protein_enn.evaluation.refinement.figures import (
    Match,
    displacement_of_ca,
    figures,
    frame_error,
    matched,
    new_breaks,
    new_outliers,
    pair,
)
from protein_enn.evaluation.refinement.outcome import Figures, Outcome
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.predictor import Predictor
from protein_enn.refinement import Refinement, refine
from protein_enn.refinement.relax import relaxation
from protein_enn.structure import Structure

REFINE, SIDE_CHAINS, INPUT, OPENMM = VARIANTS = ("refine", "side-chains", "input", "openmm")
"""The whole procedure, its side-chain-only mode, nothing, OpenMM's restrained minimisation."""
NEEDS_WEIGHTS = (REFINE, SIDE_CHAINS)


@dataclass(frozen=True, eq=False)
class Result:
    """A structure after a variant, and the record of a refinement if it was one."""

    structure: Structure
    seconds: float
    refinement: Refinement | None = None


def apply(variant: str, model: Structure, predictor: Predictor, *, steps: int, seed: int) -> Result:
    """The model after one of `VARIANTS`; OpenMM gets as many threads as torch has."""
    if variant == INPUT:
        return Result(model, 0.0)
    if variant == OPENMM:
        relaxed = relaxation(model, threads=torch.get_num_threads())
        return Result(relaxed.structure, relaxed.seconds)
    options: dict[str, Any] = {"side_chains_only": True} if variant == SIDE_CHAINS else {}
    refinement = refine(model, predictor=predictor, steps=steps, seed=seed, **options)
    return Result(refinement.structure, refinement.seconds, refinement)


@dataclass(frozen=True, eq=False)
class Input:
    """A case that was read, and all that is known of it before anything is done to it."""

    case: RefinementCase
    model: Structure
    match: Match
    geometry: Stereochemistry
    figures: Figures
    lddt: Float[Tensor, "m"]  # true, of the matched residues


def prepare(case: RefinementCase, *, with_gdt: bool) -> Input:
    """Read a case and measure the input; ValueError or OSError if it cannot be read or compared."""
    model, native = case.load()
    match, geometry = matched(model, native), stereochemistry(model)
    return Input(case, model, match, geometry, *figures(model, match, geometry, with_gdt))


def measure(
    set_name: str, given: Input, variant: str, predictor: Predictor, *, steps: int, seed: int, with_gdt: bool
) -> Outcome:
    """Apply a variant to a case; ValueError if it cannot be done."""
    model, match = given.model, given.match
    result = apply(variant, model, predictor, steps=steps, seed=seed)
    geometry, after, true_after = given.geometry, given.figures, given.lddt
    if result.structure is not model:
        geometry = stereochemistry(result.structure)
        after, true_after = figures(result.structure, match, geometry, with_gdt)
    median, largest = displacement_of_ca(model, result.structure)
    apart = (result.structure.positions - model.positions).square().sum(-1).amax(-1)
    return Outcome(
        set=set_name,
        name=given.case.name,
        native=given.case.native,
        variant=variant,
        residues=len(match.mine),
        before=given.figures,
        after=after,
        moved=float((apart > 0).double().mean()),
        median_ca=median,
        max_ca=largest,
        new_outliers={**new_outliers(given.geometry, geometry), "break": new_breaks(model, result.structure)},
        seconds=result.seconds,
        **_confidence(result.refinement, match, given.lddt, true_after),
    )


def _confidence(refinement: Refinement | None, match: Match, before: Tensor, after: Tensor) -> dict[str, Any]:
    """What a refinement said of itself beside what is true."""
    if refinement is None:
        return {"reverted": 0.0}
    error = frame_error(refinement.structure, match)
    return {
        "error_after": pair(refinement.error_after[match.mine], error),
        "reverted": refinement.status.count("reverted") / len(refinement.status),
        "lddt_before": pair(refinement.confidence_before[match.mine], before),
        "lddt_after": pair(refinement.confidence_after[match.mine], after),
    }
