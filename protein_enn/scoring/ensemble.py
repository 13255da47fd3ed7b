"""One sequence on several models of it: NMR models, refined candidates, predictions from several seeds.

A score that hangs on one conformation is worth little: the mean over models says how well the sequence fits, the
spread how far to trust it, and the worst model what it hides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import check_structure, design_predictor
from protein_enn.scoring.likelihood import DesignScore, number, residue_names, score, standard_error
from protein_enn.structure import Structure
from protein_enn.structure.audit import SEVERITIES, Audit


@dataclass(frozen=True, eq=False)
class EnsembleScore:
    """Scores of m models of one sequence, over the residues that are scored in all of them; nats, higher is better."""

    scores: tuple[DesignScore, ...]

    @property
    def scored(self) -> Bool[Tensor, "n"]:
        """Which residues count."""
        return self.scores[0].scored

    @property
    def means(self) -> Float[Tensor, "m"]:
        """Log-likelihood per scored residue of each model, nats."""
        return torch.tensor([found.mean for found in self.scores], dtype=torch.float64)

    @property
    def mean(self) -> float:
        """Mean over models."""
        return float(self.means.mean())

    @property
    def standard_error(self) -> float:
        """Of `mean`, from the choice of orders alone (the same for all models); nan with less than two pairs."""
        by_order = torch.stack([found.by_order[:, self.scored].double().mean(1) for found in self.scores])
        return standard_error(by_order.mean(0))

    @property
    def models_standard_error(self) -> float:
        """Of `mean`, as one of the ensembles that could have been drawn; nan with one model."""
        return float(self.means.std() / math.sqrt(len(self.scores))) if len(self.scores) > 1 else math.nan

    @property
    def log_likelihood(self) -> Float[Tensor, "n"]:
        """Of each residue, mean over models; nan where not scored."""
        return torch.stack([found.log_likelihood for found in self.scores]).mean(0)

    @property
    def audit(self) -> Audit:
        """That of the model with the worst findings, of several the first."""
        audits = [found.structure.audit for found in self.scores]
        return max(audits, key=lambda audit: -1 if audit.severity is None else SEVERITIES.index(audit.severity))

    def row(self) -> dict[str, Any]:
        """One row of a table: the audit is the worst of a model, all else that is not of the ensemble the first's."""
        return {
            **self.scores[0].row(),
            **self.audit.summary(),
            "models": len(self.scores),
            "log_likelihood": self.mean,
            "standard_error": number(self.standard_error),
            "models_standard_error": number(self.models_standard_error),
            "lowest": float(self.means.min()),
            "lowest_model": int(self.means.argmin()) + 1,
            "highest": float(self.means.max()),
            "perplexity": math.exp(-self.mean),
            "recovery": sum(found.recovery for found in self.scores) / len(self.scores),
            "seconds": sum(found.seconds for found in self.scores),
        }

    def per_residue(self) -> dict[str, list[Any]]:
        """What was found for each residue, column by column, ready for JSON; None where not scored."""
        values = [number(value) for value in self.log_likelihood.tolist()]
        return {**residue_names(self.scores[0].structure), "log_likelihood": values}

    def record(self) -> dict[str, Any]:
        """`row` with the worst audit of a model, the mean of each model, and what was found for each residue."""
        rest = {"audit": self.audit.to_dict(), "per_model": self.means.tolist()}
        return {"kind": "ensemble", **self.row(), **rest, "per_residue": self.per_residue()}


def score_ensemble(
    structures: Sequence[Structure],
    *,
    predictor: Predictor | None = None,
    mode: str = "conditional",
    orders: int = 8,
    designed: str | Bool[Tensor, "n"] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> EnsembleScore:
    """Scores of one sequence on several models of it, all under the same decoding orders; options as in `score`.

    ValueError: no model, models of different sequences or chains, no residue that is scored in all of them, and
    whatever `score` refuses.
    """
    check_structure(*structures)
    same_sequence(structures)
    predictor = design_predictor(predictor, device, "score")
    return ensemble_of(
        [score(s, predictor=predictor, mode=mode, orders=orders, designed=designed, seed=seed) for s in structures]
    )


def ensemble_of(scores: Sequence[DesignScore]) -> EnsembleScore:
    """The ensemble of scores that were made with the same options; ValueError as for `score_ensemble`."""
    same_sequence([found.structure for found in scores])
    common = torch.stack([found.scored for found in scores]).all(0)
    if not common.any():
        raise ValueError(f"{scores[0].structure.name}: no residue is scored in all {len(scores)} models")
    return EnsembleScore(tuple(found.of(common) for found in scores))


def same_sequence(structures: Sequence[Structure]) -> None:
    """ValueError unless all have the residues and chains of the first; chain names and numbers are free."""
    if not structures:
        raise ValueError("an ensemble has at least one model")
    first = structures[0]
    for i, other in enumerate(structures[1:], 2):
        if len(other) != len(first) or not torch.equal(other.chains, first.chains):
            lengths = (f"{len(s)} residues in {len(s.chains.unique())} chains" for s in (other, first))
            raise ValueError(f"{first.name}: model {i} has {' and model 1 '.join(lengths)}: not one ensemble")
        if differing := (other.residues != first.residues).nonzero()[:, 0].tolist():
            here, there = (f"{s.residue_names[differing[0]]} {s.residue_id(differing[0])}" for s in (other, first))
            raise ValueError(f"{first.name}: model {i} has {here} where model 1 has {there}: not one sequence")
