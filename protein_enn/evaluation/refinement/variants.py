"""The variants, ours and the baselines, and their measurement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.evaluation.refinement.cases import RefinementCase
from protein_enn.evaluation.refinement.metric_table import StructureMetrics
from protein_enn.evaluation.refinement.metrics import (
    Match,
    displacement_of_ca,
    frame_error,
    match_native,
    new_breaks,
    new_outliers,
    pair,
    structure_metrics,
)
from protein_enn.evaluation.refinement.outcome import Outcome
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.predictor import Predictor
from protein_enn.refinement import Refinement, refine
from protein_enn.refinement.acceptance import AcceptanceCriteria
from protein_enn.refinement.relax import relaxation
from protein_enn.structure import Structure

REFINE, SIDE_CHAINS, IDEALIZE, MOVES, INPUT, OPENMM = VARIANTS = (
    "refine", "side-chains", "idealize", "moves", "input", "openmm",
)  # fmt: skip
"""The whole procedure, its side-chain-only mode, clean geometry alone, the network's moves of every residue whatever is
predicted of them, nothing, OpenMM's restrained minimization."""
NEEDS_WEIGHTS = (REFINE, SIDE_CHAINS, IDEALIZE, MOVES)
NEVER, ALWAYS = 2.0, -2.0
"""Margins of the acceptance: more than an lDDT can rise, and less than it can fall."""


@dataclass(frozen=True, eq=False)
class Result:
    """A structure after a variant, and the record of a refinement if it was one."""

    structure: Structure
    seconds: float
    refinement: Refinement | None = None


def apply(variant: str, model: Structure, predictor: Predictor, *, steps: int, seed: int) -> Result:
    """The model after a variant.

    Parameters
    ----------
    variant
        One of `VARIANTS`; OpenMM gets as many threads as torch has.
    model
        The input.
    predictor
        For refinement.
    steps, seed
        Of the refinement.
    """
    if variant == INPUT:
        return Result(model, 0.0)
    if variant == OPENMM:
        relaxed = relaxation(model, threads=torch.get_num_threads())
        return Result(relaxed.structure, relaxed.seconds)
    options: dict[str, Any] = {"side_chains_only": True} if variant == SIDE_CHAINS else {}
    if variant in (IDEALIZE, MOVES):
        options["acceptance"] = AcceptanceCriteria(margin=NEVER if variant == IDEALIZE else ALWAYS)
    refinement = refine(model, predictor=predictor, steps=1 if variant == IDEALIZE else steps, seed=seed, **options)
    return Result(refinement.structure, refinement.seconds, refinement)


@dataclass(frozen=True, eq=False)
class Input:
    """A case that was read, with the metrics of its model before any variant."""

    case: RefinementCase
    model: Structure
    match: Match
    geometry: Stereochemistry
    metrics: StructureMetrics
    lddt: Float[Tensor, "m"]  # true, of the matched residues


def prepare(case: RefinementCase, *, with_gdt: bool) -> Input:
    """Reads a case and measures the input; ValueError or OSError if it cannot be read or compared."""
    model, native = case.load()
    match, geometry = match_native(model, native), stereochemistry(model)
    return Input(case, model, match, geometry, *structure_metrics(model, match, geometry, with_gdt))


def measure(
    set_name: str, start: Input, variant: str, predictor: Predictor, *, steps: int, seed: int, with_gdt: bool
) -> Outcome:
    """Applies a variant to a case and measures the result.

    Parameters
    ----------
    set_name
        Of the case.
    start
        The case, read.
    variant
        One of `VARIANTS`.
    predictor, steps, seed
        Of the refinement.
    with_gdt
        GDT-HA too.

    Raises
    ------
    ValueError
        The variant cannot be applied to it.
    """
    model, match = start.model, start.match
    result = apply(variant, model, predictor, steps=steps, seed=seed)
    geometry, after, true_after = start.geometry, start.metrics, start.lddt
    if result.structure is not model:
        geometry = stereochemistry(result.structure)
        after, true_after = structure_metrics(result.structure, match, geometry, with_gdt)
    median, largest = displacement_of_ca(model, result.structure)
    squared = (result.structure.positions - model.positions).square().sum(-1).amax(-1)
    return Outcome(
        set=set_name,
        name=start.case.name,
        native=start.case.native,
        variant=variant,
        residues=len(match.mine),
        before=start.metrics,
        after=after,
        moved=float((squared > 0).double().mean()),
        median_ca=median,
        max_ca=largest,
        new_outliers={**new_outliers(start.geometry, geometry), "break": new_breaks(model, result.structure)},
        seconds=result.seconds,
        **_confidence(result.refinement, match, start.lddt, true_after),
    )


def _confidence(refinement: Refinement | None, match: Match, before: Tensor, after: Tensor) -> dict[str, Any]:
    """Predicted and true quality of a refinement."""
    if refinement is None:
        return {"reverted": 0.0}
    error = frame_error(refinement.structure, match)
    return {
        "error_after": pair(refinement.error_after[match.mine], error),
        "reverted": refinement.status.count("reverted") / len(refinement.status),
        "lddt_before": pair(refinement.confidence_before[match.mine], before),
        "lddt_after": pair(refinement.confidence_after[match.mine], after),
    }
