"""Keeping the best weights, checkpoints and curves, and plain progress lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from protein_enn.predictor import Predictor
from protein_enn.training import checkpoints
from protein_enn.training.module import TrainingModule


class KeepBest(Callback):
    """Writes `best.safetensors` (averaged weights) whenever the validation metric improves.

    `last.ckpt`, which holds the best weights and the curves as well, and `metrics.csv` are written at each validation
    and every `checkpoint_minutes`; this has no effect on the result.

    Parameters
    ----------
    out
        Folder of the run.
    run
        What identifies the run, for its checkpoints (`checkpoints.COMPARED`).
    describe
        The JSON of the weights, from validation metrics.
    log
        Called with a line at each validation.
    checkpoint_minutes
        At most between checkpoints.
    """

    def __init__(
        self,
        out: Path,
        run: dict[str, Any],
        describe: Callable[[dict[str, float]], dict[str, Any]],
        log: Callable[[str], None],
        checkpoint_minutes: float,
    ) -> None:
        self.out, self.run, self.describe, self.log_line = out, run, describe, log
        self.checkpoint_minutes, self.saved_at = checkpoint_minutes, 0.0
        self.best = float("inf")
        self.tensors: dict[str, Tensor] = {}
        self.info: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "tensors": self.tensors, "info": self.info}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.tensors, self.info = state["best"], state["tensors"], state["info"]

    def on_save_checkpoint(self, trainer: pl.Trainer, module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["run"] = self.run

    def on_fit_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TrainingModule)
        self.saved_at = module.minutes
        if self.tensors:  # of the part before a checkpoint, whose files may be gone or newer than it
            self._write_best(trainer, module)

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, *args: Any) -> None:
        assert isinstance(module, TrainingModule)
        validated = module.global_step % module.every == 0  # a validation makes its own checkpoint
        if module.between_steps and not validated and module.minutes - self.saved_at >= self.checkpoint_minutes:
            self._save(trainer, module)

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        assert isinstance(module, TrainingModule)
        if trainer.sanity_checking:
            return
        value = module.metrics[f"val/{module.task.metric}"]
        improved = value < self.best
        if improved:
            self.best = value
            self.tensors = {k: v.detach().cpu().clone() for k, v in module.averaged.items()}
            self.info = self.describe({**module.metrics, "step": module.global_step})
            self._write_best(trainer, module)
        self._save(trainer, module)
        shown = ", ".join(f"{k.removeprefix('val/')} {v:.4f}" for k, v in module.metrics.items() if k[:4] == "val/")
        if trainer.is_global_zero:
            self.log_line(
                f"step {module.global_step}, {module.minutes:.1f} min, {module.residues_seen} {module.task.nodes}: "
                f"{shown}{' (best)' if improved else ''}"
            )

    def _save(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        trainer.save_checkpoint(self.out / checkpoints.NAME)
        self.saved_at = module.minutes
        if trainer.is_global_zero:
            module.curves.write(self.out / "metrics.csv")

    def _write_best(self, trainer: pl.Trainer, module: TrainingModule) -> None:
        if not trainer.is_global_zero:
            return
        current = {k: v.detach().clone() for k, v in module.model.state_dict().items()}
        module.model.load_state_dict(self.tensors)
        task = module.task.__class__.__name__.removesuffix("Task").lower()
        Predictor(task, module.model, "best", "", self.info, module.device).save(self.out / "best.safetensors")
        module.model.load_state_dict(current)
