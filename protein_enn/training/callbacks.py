"""Keeping the best weights, and plain progress lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from protein_enn.predictor import Predictor
from protein_enn.training.module import TrainingModule


class KeepBest(Callback):
    """Writes `best.safetensors` (averaged weights) whenever the validation figure improves.

    `last.ckpt` is written at each validation too, so that a run can be resumed.
    """

    def __init__(
        self, out: Path, describe: Callable[[dict[str, float]], dict[str, Any]], say: Callable[[str], None]
    ) -> None:
        self.out, self.describe, self.say = out, describe, say
        self.best = float("inf")

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = state["best"]

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TrainingModule)
        if trainer.sanity_checking:
            return
        figures = {k: float(v) for k, v in trainer.callback_metrics.items()}
        value = figures[f"val/{module.task.figure}"]
        improved = value < self.best
        if improved:
            self.best = value
            held = {k: v.detach().clone() for k, v in module.model.state_dict().items()}
            module.model.load_state_dict(module.averaged)
            info = self.describe({**figures, "step": module.global_step})
            trained = module.task.__class__.__name__.removesuffix("Task").lower()
            best = Predictor(trained, module.model, "best", "", info, module.device)
            if trainer.is_global_zero:
                best.save(self.out / "best.safetensors")
            module.model.load_state_dict(held)
        trainer.save_checkpoint(self.out / "last.ckpt")
        shown = ", ".join(f"{k.removeprefix('val/')} {v:.4f}" for k, v in figures.items() if k.startswith("val/"))
        if trainer.is_global_zero:
            self.say(
                f"step {module.global_step}, {module.minutes:.1f} min, {module.residues_seen} residues: {shown}"
                f"{' (best)' if improved else ''}"
            )
