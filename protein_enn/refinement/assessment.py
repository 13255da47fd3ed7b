"""Who says how good the input and the result are: a model of confidence, or the network that proposes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from protein_enn.confidence.predict import ConfidenceEstimator
from protein_enn.metrics import Stereochemistry
from protein_enn.predictor import Predictor, load_predictor, predictor_given, shipped
from protein_enn.refinement.proposal import Quality, quality
from protein_enn.structure import Structure

OWN = "own"
"""In place of a predictor for confidence: the refinement network's own prediction counts."""


@lru_cache(maxsize=1)
def _shipped(device: str) -> ConfidenceEstimator:
    """Loaded once for many structures, with the networks of its descriptors."""
    return ConfidenceEstimator(load_predictor("confidence", device))


class Assessment:
    """The predicted quality of structures.

    Parameters
    ----------
    predictor
        One for refinement.
    confidence
        One for confidence, or the name or path of its weights; by default the shipped ones, and where there are none,
        or for `OWN`, the refinement network's own prediction counts.

    Raises
    ------
    ValueError
        There are no such weights, or they are of another task.
    """

    def __init__(self, predictor: Predictor, confidence: Predictor | str | Path | None = None) -> None:
        device = str(predictor.device)
        self.predictor = predictor
        self.estimator: ConfidenceEstimator | None = None
        if confidence is None and "confidence" in shipped():
            self.estimator = _shipped(device)
        elif confidence is not None and confidence != OWN:
            try:
                self.estimator = ConfidenceEstimator(predictor_given(confidence, "confidence", device))
            except ValueError as error:
                raise ValueError(f"confidence: {error}, or {OWN!r}") from error

    def __call__(self, structure: Structure, geometry: Stereochemistry | None = None) -> Quality:
        """The quality of a structure as it is, of which the outliers may be known."""
        if self.estimator is None:
            return quality(structure, self.predictor)
        found = self.estimator(structure, geometry=geometry)
        return Quality(found.lddt, found.error)

    @property
    def own(self) -> bool:
        """Whether it is the refinement network that says so."""
        return self.estimator is None

    def facts(self) -> dict[str, str]:
        """Name and sha256 of the model of confidence, for records; "" where there is none."""
        weights = None if self.estimator is None else self.estimator.predictor
        return {
            "confidence_weights": "" if weights is None else weights.name,
            "confidence_sha256": "" if weights is None else weights.sha256,
        }
