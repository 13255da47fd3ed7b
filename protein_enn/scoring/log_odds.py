"""Log-odds of all single mutations of a structure, of a protein or for binding, and what comes with them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.models.stability import BINDING
from protein_enn.predictor import Predictor
from protein_enn.scoring.backbone import Backbone, measured_heads, stability_heads
from protein_enn.scoring.binding import BindingScores, Complex
from protein_enn.scoring.calibration import calibration_of
from protein_enn.scoring.estimators import DDG_LIKE, ESTIMATORS, estimator_named
from protein_enn.scoring.interactions import interactions
from protein_enn.scoring.interface import Groups, chain_groups
from protein_enn.scoring.stability import StabilityScores, interaction_scale
from protein_enn.structure import Structure

Expected = StabilityScores | BindingScores
"""What heads for measured mutations say of their own predictions: `error` and `note`."""


@dataclass(frozen=True, eq=False)
class ScoredMutations:
    """All single mutations of a structure, and how to score several at once."""

    subject: Backbone | Complex
    predictor: Predictor
    estimator: str
    groups: Groups
    scores: Float[Tensor, "n 20"]  # nats
    slope: float | None  # kcal/mol for a nat
    calibration: str  # where that is from, or why there is none
    expected: Expected | None

    @staticmethod
    def of(
        structure: Structure, groups: str | Sequence[Sequence[str]] | None, predictor: Predictor, estimator: str
    ) -> ScoredMutations:
        """Scores under an estimator, or of binding between the sides of a complex.

        ValueError as `scan` has it.
        """
        estimator_named(estimator)
        if groups is not None:
            sides = chain_groups(structure, groups)
            whole = Complex(structure, sides, predictor)
            slope, reason = whole.calibration()
            return ScoredMutations(whole, predictor, BINDING, sides, whole.log_odds(), slope, reason, whole.expected())
        heads = measured_heads(predictor)
        if heads is not None and heads.config.target == BINDING and estimator == DDG_LIKE:
            raise ValueError(
                f"weights {predictor.name!r} are for binding: name the sides of the complex (--interface A|B; groups "
                "in Python), or take weights stability or design for one protein"
            )
        backbone = Backbone(structure, predictor)
        scores = log_odds(backbone, [estimator])[estimator]
        calibration, reason = calibration_of(predictor, estimator)
        slope = None if calibration is None else calibration.slope
        expected = stability_scores(backbone, estimator)
        return ScoredMutations(backbone, predictor, estimator, (), scores, slope, reason, expected)

    @property
    def structure(self) -> Structure:
        """That the rows of the scores are of: with groups their chains alone."""
        return self.subject.structure

    @property
    def backbone(self) -> Backbone:
        """With all of the structure."""
        return self.subject.bound if isinstance(self.subject, Complex) else self.subject

    def interactions(
        self, where: Sequence[Sequence[int]], identities: Sequence[Sequence[int]], seed: int
    ) -> list[float]:
        """What each mutant has besides the sum of its mutations, nats."""
        if isinstance(self.subject, Complex):
            return self.subject.interactions(where, identities, seed)
        if not estimator_named(self.estimator).interacts:
            return [0.0] * len(where)
        scale = interaction_scale(self.predictor, self.estimator)
        found = interactions(self.subject, log_odds(self.subject, ["single"])["single"], where, identities, seed)
        return [scale * value for value in found]


def stability_scores(backbone: Backbone, estimator: str) -> StabilityScores | None:
    """What comes with kcal/mol of stability heads; None for other weights and estimators."""
    has_heads = estimator == DDG_LIKE and stability_heads(backbone.predictor) is not None
    return StabilityScores(backbone) if has_heads else None


def log_odds(backbone: Backbone, estimators: Collection[str] = ESTIMATORS) -> dict[str, Float[Tensor, "n 20"]]:
    """Scores by estimator, nats: 0 for the wild type, nan where a residue is not scored."""
    with torch.inference_mode():
        values = {name: estimator_named(name)(backbone.conditionals) for name in estimators}
    return {name: backbone.over_wild_type(preference[None])[0] for name, preference in values.items()}
