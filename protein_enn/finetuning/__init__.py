"""Weights made fit for a family, a lab or a measured property; the base stays where that does not help."""

from protein_enn.finetuning.chains import LEARNING_RATE, Finetuned, finetune
from protein_enn.finetuning.measured import LEARNING_RATE as DDG_LEARNING_RATE
from protein_enn.finetuning.measured import FinetunedOnDdg, finetune_on_ddg

__all__ = ["DDG_LEARNING_RATE", "LEARNING_RATE", "Finetuned", "FinetunedOnDdg", "finetune", "finetune_on_ddg"]
