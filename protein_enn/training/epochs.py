"""Training in epochs over a few examples in memory, one in each step; the weights of the best epoch are kept.

`training.train` with Lightning is for stores. Measured mutations are trained here, because nothing but the task is the
same: the learning rate is constant, weights are not averaged, an epoch takes every example once, and validation is one
rank correlation over all held-out examples, which is no mean over batches. Lightning's gradient clipping would also sum
the norms of parameters in the order of the optimizer's groups, which changes the last digits of the weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from protein_enn.data.batches import seeded_generator
from protein_enn.training.tasks.task import Task

PATIENCE = 3
"""Epochs without a better one after which training stops."""


@dataclass(frozen=True)
class Ranking:
    """Spearman rank correlations of a score with measurements; higher is better."""

    pooled: float
    per_protein: float


@dataclass(frozen=True)
class Trained:
    """The weights of the best epoch."""

    weights: dict[str, Tensor]
    epoch: int  # 0 is the start
    start: Ranking
    best: Ranking  # of all epochs but the start


def train_epochs(
    task: Task[Any],
    model: nn.Module,
    examples: Sequence[tuple[Any, Any]],
    validate: Callable[[nn.Module], Ranking],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    deadline: float = math.inf,
    log: Callable[[str], None] = print,
) -> Trained:
    """Trains a model by AdamW.

    Parameters
    ----------
    task
        Of the loss.
    model
        With the start weights; it is changed.
    examples
        (input, target) of the task.
    validate
        The metric of a model; the epoch with the highest `pooled` is the best.
    epochs
        At most; fewer where `PATIENCE` of them bring nothing.
    learning_rate
        Constant.
    seed
        Of the order of examples, and of the loss.
    deadline
        Of `time.monotonic()`, after which no further epoch is started.
    log
        Called with a line after each epoch.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.98))
    start = validate(model.eval())
    log(f"base: Spearman {start.pooled:.3f} on held-out proteins, {start.per_protein:.3f} within proteins")
    kept, kept_epoch, weights = start, 0, deepcopy(model.state_dict())
    best = Ranking(-math.inf, -math.inf)
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(examples), generator=seeded_generator("proteins", seed, epoch)).tolist()
        sums: dict[str, float] = {}
        model.train()
        for step, i in enumerate(order):
            graph, target = examples[i]
            parts = task.loss(model, graph, target, seeded_generator("ddg", seed, epoch, step), training=True)
            optimizer.zero_grad()
            parts["loss"].backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            sums = {key: sums.get(key, 0.0) + float(value.detach()) / len(order) for key, value in parts.items()}
        current = validate(model.eval())
        means = ", ".join(f"{key} {part:.3f}" for key, part in sums.items())
        spearman = f"Spearman {current.pooled:.3f}, within proteins {current.per_protein:.3f}"
        log(f"epoch {epoch}: {means}; held out: {spearman}")
        if current.pooled > best.pooled:
            best = current
        if current.pooled > kept.pooled:
            kept, kept_epoch, weights = current, epoch, deepcopy(model.state_dict())
        if time.monotonic() > deadline or epoch - kept_epoch >= PATIENCE:
            break
    return Trained(weights, kept_epoch, start, best)
