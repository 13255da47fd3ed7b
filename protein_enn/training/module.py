"""The Lightning module: one for all tasks."""

from __future__ import annotations

import math
import time
from dataclasses import fields, replace
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from protein_enn.data.batches import seeded_generator
from protein_enn.geometry.rotations import random_rotation
from protein_enn.training.curves import Curves
from protein_enn.training.experiment import Experiment
from protein_enn.training.muon import Muon


class TrainingModule(pl.LightningModule):
    """Loss of a task, AdamW or Muon with warm-up and cosine decay, and an exponential average of the weights.

    The learning rate follows the share of steps done or, with `max_minutes`, the share of time if that is larger; it
    falls over the last `decay` of the run.
    A step takes `accumulate` batches from each of the processes, all numbered through from the start of the run; what
    is random in a batch comes from its number. So P processes with A batches each take the steps that one process
    takes with P x A. `held_out` batches of validation count, spread over the processes alike.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        task: Any,
        experiment: Experiment,
        max_minutes: float | None,
        place: tuple[int, int] = (0, 1),
        held_out: int = 1,
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
        self.every = min(experiment.validate_every, experiment.max_steps)
        self.curves, self.figures = Curves(), dict[str, float]()
        self.parts: list[dict[str, Tensor]] = []  # of the batches of this step so far
        self.nodes = 0  # in them
        self.held_out, self.totals = held_out, dict[str, Tensor]()

    @property
    def log_every(self) -> int:
        """Steps from one point of the training curves to the next."""
        return min(20, self.every)

    @property
    def between_steps(self) -> bool:
        """Whether the optimiser has made its step of all batches so far."""
        return not self.parts

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
        # Seeded by the number of the batch: a run that was stopped and goes on draws the same numbers.
        done = self.global_step * self.experiment.accumulate + len(self.parts)
        number = done * self.world + self.rank
        torch.manual_seed(self.experiment.seed + number)
        graph, target = item
        if self.experiment.augment != "none":
            drawn = seeded_generator("turn", self.experiment.seed, number)
            turn = random_rotation(drawn, self.experiment.augment == "reflections").to(graph.pos)
            graph, target = graph.moved(turn, turn.new_zeros(3)), target.turned(turn)
        parts = self.task.loss(
            self.model, graph, target, seeded_generator("step", self.experiment.seed, number), training=True
        )
        self.parts.append({name: value.detach() for name, value in parts.items()})
        self.nodes += int(graph.num_nodes)
        if len(self.parts) == self.experiment.accumulate:
            self._log_step()
        return parts["loss"]

    def _log_step(self) -> None:
        """Log the means over the batches of this step, of all processes; FloatingPointError if the loss is none."""
        names = list(self.parts[0])
        sums = [torch.stack([parts[name] for parts in self.parts]).double().sum() for name in names]
        *totals, nodes = self._sum(torch.stack([*sums, sums[0].new_tensor(self.nodes)])).tolist()
        means = {name: total / (len(self.parts) * self.world) for name, total in zip(names, totals, strict=True)}
        step, self.residues_seen = self.global_step + 1, self.residues_seen + round(nodes)
        if not math.isfinite(means["loss"]):
            raise FloatingPointError(f"loss is {means['loss']} at step {step}")
        for name, value in means.items():
            self.log(f"train/{name}", value, prog_bar=name == "loss")
        if step % self.log_every == 0:
            self.curves.add(step, self.current_epoch, {f"train/{name}": value for name, value in means.items()})

    def _sum(self, values: Tensor) -> Tensor:
        """The sum over the processes."""
        summed = self.trainer.strategy.reduce(values, reduce_op="sum") if self.world > 1 else values
        assert isinstance(summed, Tensor)
        return summed

    def validation_step(self, item: tuple[Any, Any], index: int) -> None:
        graph, target = item
        number = index * self.world + self.rank
        parts = self.task.loss(self.model, graph, target, seeded_generator("validation", number), training=False)
        counted = float(graph.num_nodes) if number < self.held_out else 0.0
        for name, value in {**parts, "": torch.ones_like(parts["loss"])}.items():  # "": the residues themselves
            self.totals[name] = self.totals.get(name, 0.0) + value.detach().double() * counted

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.parts, self.nodes = [], 0
        self.average()

    def average(self) -> None:
        """Move the averaged weights a little towards those after this step, which the trainer has not yet counted."""
        done = self.global_step + 1
        decay = min(self.experiment.ema, (1 + done) / (10 + done))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                average = self.averaged[name] = self.averaged[name].to(value.device)
                average.lerp_(value, 1 - decay) if value.is_floating_point() else average.copy_(value)

    def on_validation_epoch_start(self) -> None:
        self.held = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.averaged)
        self.totals = {}

    def on_validation_epoch_end(self) -> None:
        """Figures are means over residues, the same in every process; what is time stays out of them."""
        self.model.load_state_dict(self.held)
        *totals, residues = self._sum(torch.stack(list(self.totals.values()))).tolist()
        self.figures = {f"val/{name}": total / residues for name, total in zip(self.totals, totals, strict=False)}
        self.figures["residues_seen"] = float(self.residues_seen)
        for name, value in {**self.figures, "minutes": self.minutes}.items():
            self.log(name, value)
        self.curves.add(self.global_step, self.current_epoch, {**self.figures, "minutes": self.minutes})

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["averaged"], checkpoint["curves"] = self.averaged, self.curves.state()
        checkpoint["minutes"], checkpoint["residues_seen"] = self.minutes, self.residues_seen

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.averaged = checkpoint["averaged"]
        self.curves.restore(checkpoint["curves"])
        self.minutes = self.minutes_before = checkpoint["minutes"]
        self.residues_seen = checkpoint["residues_seen"]
        self.started = time.monotonic()

    def configure_optimizers(self) -> Any:
        e = self.experiment
        optimizer: torch.optim.Optimizer
        if e.optimizer == "muon":
            half = torch.bfloat16 if e.precision == "bf16-mixed" else torch.float32
            optimizer = Muon(self.model, e.learning_rate, e.weight_decay, precision=half)
        else:
            decayed = [p for p in self.model.parameters() if p.ndim >= 2]
            others = [p for p in self.model.parameters() if p.ndim < 2]
            groups = [{"params": decayed, "weight_decay": e.weight_decay}, {"params": others, "weight_decay": 0.0}]
            optimizer = torch.optim.AdamW(groups, lr=e.learning_rate, betas=(0.9, 0.98))

        def factor(step: int) -> float:
            falling = max(0.0, 1 - (1 - self.progress()) / e.decay)  # share of the decay that is done
            return min(1.0, (step + 1) / max(e.warmup, 1)) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * falling)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
