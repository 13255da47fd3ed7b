"""What every task has: the signatures of `Task`, and input and target apart."""

from __future__ import annotations

import inspect

import pytest
import torch

from protein_enn.models.design import DesignModel
from protein_enn.predictor import untrained
from protein_enn.testing import random_structure
from protein_enn.training.tasks import TASKS, Task
from protein_enn.training.tasks.ddg import DdgTask, MeasuredProtein

ALL: list[type[Task]] = [*TASKS.values(), DdgTask]


@pytest.mark.parametrize("task", ALL)
@pytest.mark.parametrize("method", ["example", "collate", "loss"])
def test_a_task_has_the_parameters_of_the_base_class(task: type[Task], method: str) -> None:
    own, base = (list(inspect.signature(getattr(kind, method)).parameters) for kind in (task, Task))
    assert own[0] == base[0] and len(own) == len(base)
    assert own[2:] == base[2:], "but for the name of what an example is made of"


@pytest.mark.parametrize("task", ALL)
def test_a_task_names_its_model_settings_and_metric(task: type[Task]) -> None:
    assert isinstance(task.Model, type) and task.Config() is not None
    assert task.metric == ("force_mae" if task is TASKS["potential"] else "loss")


def test_measurements_are_in_the_target_alone_and_one_protein_is_a_batch() -> None:
    model = untrained("design", {"k": 4, "encoder_settings": {}}).model
    assert isinstance(model, DesignModel)
    task = DdgTask(DdgTask.Config(), model)
    structure = random_structure((12,), seed=1)
    examples = [
        task.example(MeasuredProtein(structure, [2, 5], [1, 7], values), torch.Generator(), True)
        for values in ([0.0, 1.0], [2.0, 3.0])
    ]
    (graphs, first), (same, second) = examples
    assert torch.equal(graphs.rows, same.rows) and torch.equal(graphs.mutant, same.mutant)
    assert first.minus_ddg.tolist() == [0.0, 1.0] and task.collate([first]) is first
    with pytest.raises(ValueError, match="unpack"):
        task.collate([first, second])
