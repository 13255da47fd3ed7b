"""The Lightning module: one for all tasks."""

from __future__ import annotations

import math
import time
from dataclasses import fields, replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from protein_enn.data.batches import seeded
from protein_enn.nn.representation import drawn_turn
from protein_enn.training.experiment import Experiment
from protein_enn.training.muon import Muon


class TrainingModule(pl.LightningModule):
    """Loss of a task, AdamW with warm-up and cosine decay, and an exponential average of the weights.

    The learning rate follows the share of steps done or, with `max_minutes`, the share of time if that is larger.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        task: Any,
        experiment: Experiment,
        max_minutes: float | None,
        place: tuple[int, int] = (0, 1),
    ) -> None:
        super().__init__()
        self.rank, self.world = place
        self.model, self.task, self.experiment = model, task, experiment
        self.max_minutes = max_minutes
        self.averaged = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.held: dict[str, Tensor] = {}
        self.minutes_before = 0.0
        self.started = time.monotonic()
        self.minutes = 0.0  # training time so far, earlier parts of a resumed run included
        self.residues_seen = 0

    def on_train_batch_start(self, *args: Any) -> None:
        # One clock for all processes: the learning rate follows it.
        minutes = self.minutes_before + (time.monotonic() - self.started) / 60
        self.minutes = self.trainer.strategy.broadcast(minutes) if self.world > 1 else minutes

    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        share = self.global_step / self.experiment.max_steps
        if self.max_minutes:
            share = max(share, self.minutes / self.max_minutes)
        return min(share, 1.0)

    def transfer_batch_to_device(self, batch: tuple[Any, Any], device: torch.device, dataloader_idx: int) -> Any:
        graph, target = batch  # targets are frozen dataclasses, which Lightning does not move
        moved = {f.name: getattr(target, f.name).to(device) for f in fields(target)}
        return graph.to(device), replace(target, **moved)

    def training_step(self, item: tuple[Any, Any], index: int) -> Tensor:
        # Seeded by step: a run that was stopped and goes on draws the same numbers.
        torch.manual_seed(self.experiment.seed + self.global_step)
        generator = seeded("step", self.experiment.seed, self.global_step, *([self.rank] if self.rank else []))
        graph, target = item
        if self.experiment.augment != "none":
            turn = drawn_turn(generator, self.experiment.augment == "reflections").to(graph.pos)
            graph, target = graph.moved(turn, turn.new_zeros(3)), target.turned(turn)
        parts = self.task.loss(self.model, graph, target, generator, training=True)
        self.residues_seen += int(graph.num_nodes) * self.world  # about: every process counts its own
        for name, value in parts.items():
            self.log(f"train/{name}", value.detach(), batch_size=int(graph.num_nodes), prog_bar=name == "loss")
        loss = parts["loss"]
        if not torch.isfinite(loss):
            raise FloatingPointError(f"loss is {float(loss)} at step {self.global_step}; records {index}")
        return loss

    def validation_step(self, item: tuple[Any, Any], index: int) -> None:
        graph, target = item
        parts = self.task.loss(self.model, graph, target, seeded("validation", index), training=False)
        for name, value in parts.items():
            self.log(f"val/{name}", value.detach(), batch_size=int(graph.num_nodes), on_epoch=True)

    def on_train_batch_end(self, *args: Any) -> None:
        decay = min(self.experiment.ema, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                average = self.averaged[name] = self.averaged[name].to(value.device)
                average.lerp_(value, 1 - decay) if value.is_floating_point() else average.copy_(value)

    def on_validation_epoch_start(self) -> None:
        self.held = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.averaged)

    def on_validation_epoch_end(self) -> None:
        self.model.load_state_dict(self.held)
        self.log("residues_seen", float(self.residues_seen))
        self.log("minutes", self.minutes)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["averaged"] = self.averaged
        checkpoint["minutes"], checkpoint["residues_seen"] = self.minutes, self.residues_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.averaged = checkpoint["averaged"]
        self.minutes = self.minutes_before = checkpoint["minutes"]
        self.residues_seen = checkpoint["residues_seen"]
        self.started = time.monotonic()

    def configure_optimizers(self) -> Any:
        e = self.experiment
        optimizer: torch.optim.Optimizer
        if e.optimizer == "muon":
            optimizer = Muon(self.model, e.learning_rate, e.weight_decay)
        else:
            decayed = [p for p in self.model.parameters() if p.ndim >= 2]
            others = [p for p in self.model.parameters() if p.ndim < 2]
            groups = [{"params": decayed, "weight_decay": e.weight_decay}, {"params": others, "weight_decay": 0.0}]
            optimizer = torch.optim.AdamW(groups, lr=e.learning_rate, betas=(0.9, 0.98))

        def factor(step: int) -> float:
            return min(1.0, (step + 1) / max(e.warmup, 1)) * (
                0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress()))
            )

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
