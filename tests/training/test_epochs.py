"""The loop over examples in memory: the best epoch is kept, and training stops when nothing gets better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from protein_enn.training.epochs import PATIENCE, Ranking, Trained, train_epochs
from protein_enn.training.tasks import Task


class Line(Task[float]):
    """A weight is to become the target."""

    Model, Config, metric = nn.Linear, dict, "loss"

    def __init__(self, config: Any = None, model: Any = None) -> None: ...

    def example(self, source: float, /, generator: torch.Generator, training: bool) -> tuple[Tensor, Tensor]:
        return torch.ones(1), torch.tensor([source])

    @staticmethod
    def collate(targets: list[Tensor]) -> Tensor:
        return torch.cat(targets)

    def loss(
        self, model: Any, graph: Tensor, target: Tensor, generator: torch.Generator, training: bool
    ) -> dict[str, Tensor]:
        assert training and model.training
        return {"loss": (model(graph) - target).square().mean()}


def run(validate: Callable[[nn.Module], Ranking], **options: Any) -> tuple[Trained, nn.Linear, list[str]]:
    torch.manual_seed(0)
    model, lines = nn.Linear(1, 1, bias=False), list[str]()
    examples = [Line().example(source, torch.Generator(), True) for source in (1.0, 2.0)]
    settings = {"epochs": 10, "learning_rate": 0.1, "seed": 0, "log": lines.append, **options}
    return train_epochs(Line(), model, examples, validate, **settings), model, lines


def replay(values: list[float]) -> tuple[Callable[[nn.Module], Ranking], list[float]]:
    """A validation with these results, and the weights that it was called with."""
    weights: list[float] = []

    def validate(model: nn.Module) -> Ranking:
        assert not model.training
        weights.append(float(next(model.parameters()).detach()))
        return Ranking(values[len(weights) - 1], 0.5)

    return validate, weights


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    validate, weights = replay([0.1, 0.3, 0.2, 0.6, 0.5, 0.4, 0.3])
    trained, model, lines = run(validate)
    assert trained.epoch == 3 and trained.start.pooled == 0.1 and trained.best.pooled == 0.6
    assert float(trained.weights["weight"]) == weights[3] != weights[4]
    assert len(weights) == 4 + PATIENCE, "it stops when nothing got better"
    assert float(model.weight.detach()) == weights[-1] and len(lines) == len(weights)
    assert lines[0].startswith("base: Spearman 0.100") and lines[3].startswith("epoch 3: loss")


def test_a_start_that_nothing_improves_is_kept() -> None:
    validate, weights = replay([0.9, 0.1, 0.3, 0.2])
    trained, _, _ = run(validate)
    assert trained.epoch == 0 and float(trained.weights["weight"]) == weights[0]
    assert trained.best.pooled == 0.3, "the best of what was trained, though not kept"


@pytest.mark.parametrize(("options", "epochs"), [({"epochs": 2}, 2), ({"deadline": 0.0}, 1)])
def test_epochs_and_the_deadline_end_it(options: dict[str, Any], epochs: int) -> None:
    validate, weights = replay([0.1 * i for i in range(11)])
    run(validate, **options)
    assert len(weights) == epochs + 1


def test_the_order_of_examples_comes_from_the_seed() -> None:
    ends = []
    for seed in (0, 0, 1, 2, 3):
        validate, weights = replay([0.1 * i for i in range(11)])
        run(validate, seed=seed)
        ends.append(weights[-1])
    assert ends[0] == ends[1] and len(set(ends)) > 1
