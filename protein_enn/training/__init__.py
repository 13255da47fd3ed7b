"""Training with Lightning: the only room that sees it."""

from protein_enn.training.train import TrainingResult, train

__all__ = ["TrainingResult", "train"]
