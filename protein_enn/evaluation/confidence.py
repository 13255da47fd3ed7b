"""How well predicted quality agrees with true quality, beside what is known without a network for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from protein_enn.confidence.descriptors import describe
from protein_enn.confidence.predict import ConfidenceEstimator
from protein_enn.evaluation.markdown import format_number, markdown_table
from protein_enn.evaluation.provenance import provenance, subset
from protein_enn.evaluation.refinement.cases import refinement_cases
from protein_enn.evaluation.refinement.confidence import agreement, calibration
from protein_enn.evaluation.refinement.metrics import frame_error, match_native, pair
from protein_enn.evaluation.refinement.outcome import Pair
from protein_enn.metrics import lddt
from protein_enn.models.confidence import DESCRIPTORS, PLDDT
from protein_enn.predictor import Predictor
from protein_enn.structure import Structure

SHOWN, HIDDEN = "network", "network_without_plddt"
BASELINES = {"plddt": "plddt_mean", "likelihood": "likelihood_all", "contacts": "surroundings"}
"""Descriptors that are a quality by themselves: pLDDT of the file, likelihood of the design model, a contact count."""
ON_SCALE = (SHOWN, HIDDEN, "plddt")
"""What is an lDDT from 0 to 1, so that its error has a meaning."""
GROUPS = ("all", "with_plddt", "without_plddt")
"""Models: all, those whose file has pLDDT, those whose file has none."""
CALIBRATED = 500
"""Residues of a calibration bin from which it counts."""


@dataclass(frozen=True)
class ConfidenceOutcome:
    """A model: predictions of each estimator and the true lDDT of its matched residues, and errors in Å."""

    name: str
    native: str
    has_plddt: bool
    familiar: bool
    unfamiliar: float  # fraction of its residues
    lddt: Mapping[str, Pair]  # by estimator, predicted and true
    error: Pair  # Å, predicted (with pLDDT where there is one) and true


@dataclass(frozen=True)
class ConfidenceEvaluation:
    """All models of a set."""

    facts: Mapping[str, Any]
    outcomes: list[ConfidenceOutcome]
    failures: list[dict[str, str]] = field(default_factory=list)

    def chosen(self, group: str) -> list[ConfidenceOutcome]:
        """The models of one of `GROUPS`."""
        return [o for o in self.outcomes if group == "all" or o.has_plddt == (group == "with_plddt")]

    def metrics(self) -> dict[str, Any]:
        """Flat: ESTIMATOR_METRIC_GROUP, such as `network_pearson_with_plddt`; None where one is not defined."""
        result: dict[str, Any] = {**self.facts, "failed": len(self.failures)}
        for group in GROUPS:
            outcomes = self.chosen(group)
            result[f"models_{group}"] = len(outcomes)
            result[f"unfamiliar_{group}"] = sum(not o.familiar for o in outcomes)
            result |= {f"{name}_{key}_{group}": v for name, part in _agreements(outcomes) for key, v in part.items()}
            errors = agreement([o.error for o in outcomes])
            result |= {f"error_{key}_{group}": errors[key] for key in ("pearson", "mae")}
        return result

    def markdown(self) -> str:
        """Tables for a model card."""
        parts = [f"{', '.join(f'{key} {value}' for key, value in self.facts.items())}."]
        for group in GROUPS:
            outcomes = self.chosen(group)
            if not outcomes:
                continue
            heads = [f"{group.replace('_', ' ')}: {len(outcomes)} models", *[head for _, head, _ in COLUMNS]]
            rows = [
                [name, *[format_number(part[key], form) for key, _, form in COLUMNS]]
                for name, part in _agreements(outcomes)
            ]
            parts.append(markdown_table(heads, rows))
            for name in (SHOWN, HIDDEN) if group == "with_plddt" else (HIDDEN,):
                parts.append(_calibration_table(f"{name}, {group.replace('_', ' ')}", [o.lddt[name] for o in outcomes]))
        return "\n\n".join(parts)


COLUMNS = (
    ("pearson", "Pearson", ".3f"),
    ("pearson_mean", "mean of models", ".3f"),
    ("pearson_of_means", "of the means", ".3f"),
    ("mae", "MAE", ".3f"),
    ("bias", "bias", "+.3f"),
    ("miscalibration", "largest miscalibration", ".3f"),
)
"""Metric, heading and format."""


def evaluate_confidence(
    data: str | Path,
    split: str,
    predictor: Predictor,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ConfidenceEvaluation:
    """Predicts the quality of models with natives, with the pLDDT of their files and without it.

    Parameters
    ----------
    data
        Folder with `decoys.tsv`.
    split
        As in the evaluation of refinement: of `decoys.tsv`, or natives with noise.
    predictor
        One for confidence.
    limit
        Take only so many models, spread evenly.
    progress
        Called with how many are done, and their number.
    """
    cases, estimator = subset(refinement_cases(Path(data), split), limit), ConfidenceEstimator(predictor)
    outcomes, failures = list[ConfidenceOutcome](), list[dict[str, str]]()
    for number, case in enumerate(cases, 1):
        try:
            model, native = case.load()
            outcomes.append(measured(case.name, case.native, model, native, estimator))
        except (ValueError, OSError) as error:
            failures.append({"name": case.name, "failure": str(error)})
        progress(number, len(cases))
    return ConfidenceEvaluation(provenance(predictor, Path(data), split), outcomes, failures)


def measured(
    name: str, native_name: str, model: Structure, native: Structure, estimator: ConfidenceEstimator
) -> ConfidenceOutcome:
    """One model with its native; ValueError where they cannot be compared."""
    match = match_native(model, native)
    x, y = model.positions[match.mine], match.native.positions[match.theirs]
    true = lddt(x, y, match.present, residues=match.residues).per_residue
    descriptors = describe(model, estimator.assessors)
    blind = descriptors.clone()
    blind[:, : len(PLDDT)] = 0.0
    shown, hidden = estimator.of(model, descriptors), estimator.of(model, blind)
    predicted = {SHOWN: shown.lddt, HIDDEN: hidden.lddt}
    for baseline, column in BASELINES.items():
        values = descriptors[:, DESCRIPTORS.index(column)]
        predicted[baseline] = values.where(descriptors[:, 0] > 0, torch.nan) if baseline == "plddt" else values
    return ConfidenceOutcome(
        name=name,
        native=native_name,
        has_plddt=shown.plddt,
        familiar=hidden.familiar,
        unfamiliar=float(hidden.unfamiliar.double().mean()),
        lddt={estimator_name: pair(values[match.mine], true) for estimator_name, values in predicted.items()},
        error=pair(shown.error[match.mine], frame_error(model, match)),
    )


def _agreements(outcomes: Sequence[ConfidenceOutcome]) -> Iterator[tuple[str, dict[str, float | None]]]:
    """Each estimator's agreement with the truth; of those that are no lDDT only correlations."""
    for name in (SHOWN, HIDDEN, *BASELINES):
        pairs = [o.lddt[name] for o in outcomes]
        part = agreement(pairs)
        part["miscalibration"] = miscalibration(pairs)
        if name not in ON_SCALE:
            part |= dict.fromkeys(("mae", "mae_mean", "bias", "miscalibration"))
        yield name, part


def miscalibration(pairs: Sequence[Pair], least: int = CALIBRATED) -> float | None:
    """The largest |mean predicted - mean true| of the bins with more than `least` residues; None without one."""
    off = [abs(b.predicted - b.true) for b in calibration(pairs) if b.residues > least]
    return max(off, default=None)


def _calibration_table(title: str, pairs: Sequence[Pair]) -> str:
    rows = [
        [f"{b.low:.2f} to {b.high:.2f}", f"{b.residues:,d}", f"{b.predicted:.3f}", f"{b.true:.3f}"]
        for b in calibration(pairs)
    ]
    return markdown_table([title, "residues", "mean predicted", "mean true"], rows)
