"""How good a model is, residue by residue: predicted lDDT and error, from its geometry and its file."""

from protein_enn.confidence.predict import Confidence, ConfidenceEstimator, predict_confidence

__all__ = ["Confidence", "ConfidenceEstimator", "predict_confidence"]
