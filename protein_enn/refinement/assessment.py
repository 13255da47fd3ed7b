"""Who says how good a structure is, before and after a move: a model of confidence, or the network that proposes."""

from __future__ import annotations

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from protein_enn.confidence.predict import ConfidenceEstimator
from protein_enn.predictor import Predictor, load_predictor, shipped
from protein_enn.refinement.proposal import Proposal, Quality, quality
from protein_enn.structure import Structure

OWN = "own"
"""In place of a predictor for confidence: the refinement network's own prediction counts."""


class Assessment:
    """The predicted quality of structures and of proposals.

    Parameters
    ----------
    predictor
        One for refinement.
    confidence
        One for confidence; by default the shipped weights, and where there are none, or for `OWN`, the refinement
        network judges itself.

    Raises
    ------
    ValueError
        A predictor of another task, or another text.
    """

    def __init__(self, predictor: Predictor, confidence: Predictor | str | None = None) -> None:
        if isinstance(confidence, str) and confidence != OWN:
            raise ValueError(f"confidence is {confidence!r}: give a predictor, {OWN!r}, or nothing")
        if confidence is None and "confidence" in shipped():
            confidence = load_predictor("confidence", str(predictor.device))
        self.predictor = predictor
        self.confidence = confidence if isinstance(confidence, Predictor) else None
        self.estimator = None if self.confidence is None else ConfidenceEstimator(self.confidence)

    def __call__(self, structure: Structure) -> Quality:
        """The quality of a structure as it is."""
        if self.estimator is None:
            return quality(structure, self.predictor)
        found = self.estimator(structure)
        return Quality(found.lddt, found.error)

    def of_proposal(self, proposal: Proposal, base: Structure, start: Float[Tensor, "n 37 3"]) -> Proposal:
        """The proposal with the quality of where it started and of its positions."""
        if self.estimator is None:
            return proposal
        before, after = (self(base.with_positions(x)) for x in (start, proposal.positions))
        return replace(proposal, before=before, after=after)

    def facts(self) -> dict[str, str]:
        """Name and sha256 of the model of confidence, for records; "" where there is none."""
        weights = self.confidence
        return {
            "confidence_weights": "" if weights is None else weights.name,
            "confidence_sha256": "" if weights is None else weights.sha256,
        }
