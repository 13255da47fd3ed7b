"""Training with Lightning: the only subpackage that imports it."""

from protein_enn.training.train import TrainingResult, train

__all__ = ["TrainingResult", "train"]
