"""One sequence on several models of it: NMR models, refined candidates, predictions from several seeds.

A score that hangs on one conformation is worth little: the mean over models says how well the sequence fits, the
spread how far to trust it, and the worst model what it hides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import design_predictor
from protein_enn.scoring.likelihood import DesignScore, score
from protein_enn.scoring.result import HIGHER, NATS, Column, SequenceScore, standard_error
from protein_enn.structure import Structure
from protein_enn.structure.audit import SEVERITIES, Audit
from protein_enn.structure.given import check_structure


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class EnsembleScore(SequenceScore):
    """Scores of m models of one sequence, over the residues that are scored in all of them; nats, higher is better.

    `structure` is the first model, `seconds` the time for all.
    """

    kind = "ensemble"
    layout = (*DesignScore.layout, "models", "models_standard_error", "lowest", "lowest_model", "highest")
    columns: ClassVar = {
        "models": Column("models", None, "models of the ensemble"),
        "models_standard_error": Column(NATS, None, "of log_likelihood, from the choice of models"),
        "lowest": Column(NATS, HIGHER, "log_likelihood of the worst model"),
        "lowest_model": Column(None, None, "number of the worst model in the file, from 1"),
        "highest": Column(NATS, HIGHER, "log_likelihood of the best model"),
    }

    scores: tuple[DesignScore, ...]

    @property
    def orders(self) -> int:
        """Decoding orders averaged, the same for all models."""
        return self.scores[0].orders

    @property
    def scored(self) -> Bool[Tensor, "n"]:
        """Which residues count."""
        return self.scores[0].scored

    @property
    def means(self) -> Float[Tensor, "m"]:
        """Log-likelihood per scored residue of each model, nats."""
        return torch.tensor([model.mean for model in self.scores], dtype=torch.float64)

    @property
    def mean(self) -> float:
        """Mean over models."""
        return float(self.means.mean())

    @property
    def standard_error(self) -> float:
        """Of `mean`, from the choice of orders alone (the same for all models); nan with less than two pairs."""
        by_order = torch.stack([model.by_order[:, self.scored].double().mean(1) for model in self.scores])
        return standard_error(by_order.mean(0))

    @property
    def models_standard_error(self) -> float:
        """Of `mean`, as one of the ensembles that could have been drawn; nan with one model."""
        return float(self.means.std() / math.sqrt(len(self.scores))) if len(self.scores) > 1 else math.nan

    @property
    def log_likelihood(self) -> Float[Tensor, "n"]:
        """Of each residue, mean over models; nan where not scored."""
        return torch.stack([model.log_likelihood for model in self.scores]).mean(0)

    @property
    def audit(self) -> Audit:
        """That of the model with the worst findings, of several the first."""
        audits = [model.structure.audit for model in self.scores]
        return max(audits, key=lambda audit: -1 if audit.severity is None else SEVERITIES.index(audit.severity))

    def metrics(self) -> dict[str, Any]:
        """Means over models, and how far the models differ."""
        return {
            "models": len(self.scores),
            "log_likelihood": self.mean,
            "standard_error": self.standard_error,
            "models_standard_error": self.models_standard_error,
            "lowest": float(self.means.min()),
            "lowest_model": int(self.means.argmin()) + 1,
            "highest": float(self.means.max()),
            "perplexity": math.exp(-self.mean),
            "recovery": sum(model.recovery for model in self.scores) / len(self.scores),
        }

    def residue_metrics(self) -> dict[str, Tensor | list[Any]]:
        """Log-likelihood of each residue, nats, mean over models."""
        return {"log_likelihood": self.log_likelihood}

    def details(self) -> dict[str, Any]:
        """The mean of each model, and what was found for each residue."""
        return {"per_model": self.means.tolist(), **super().details()}


def score_ensemble(
    structures: Sequence[Structure],
    *,
    predictor: Predictor | str | Path | None = None,
    mode: str = "conditional",
    orders: int = 8,
    designed: str | Bool[Tensor, "n"] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> EnsembleScore:
    """Score one sequence on several models of it, all under the same decoding orders.

    Parameters
    ----------
    structures
        The models.
    predictor, mode, orders, designed, seed, device
        As for `score`.

    Returns
    -------
    EnsembleScore
        The mean over models in nats, and how far they differ.

    Raises
    ------
    ValueError
        No model, models of different sequences or chains, no residue that is scored in all of them, and whatever
        `score` refuses.
    """
    check_structure(*structures)
    same_sequence(structures)
    predictor = design_predictor(predictor, device, "score")
    return ensemble_of(
        [score(s, predictor=predictor, mode=mode, orders=orders, designed=designed, seed=seed) for s in structures]
    )


def ensemble_of(scores: Sequence[DesignScore]) -> EnsembleScore:
    """The ensemble of scores that were made with the same options; ValueError as for `score_ensemble`."""
    same_sequence([model.structure for model in scores])
    common = torch.stack([model.scored for model in scores]).all(0)
    if not common.any():
        raise ValueError(f"{scores[0].structure.name}: no residue is scored in all {len(scores)} models")
    models = tuple(model.of(common) for model in scores)
    first = models[0]
    return EnsembleScore(
        structure=first.structure,
        provenance=first.provenance,
        seconds=sum(model.seconds for model in models),
        mode=first.mode,
        seed=first.seed,
        designed=first.designed,
        scores=models,
    )


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
