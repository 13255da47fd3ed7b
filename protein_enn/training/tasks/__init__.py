"""Tasks: a model with its examples, loss and metric."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from protein_enn.models import MODELS
from protein_enn.training.tasks.task import Task

__all__ = ["TASKS", "Task"]


def _task(name: str) -> type[Task[Any]]:
    """The class `DesignTask` of the module `design`, and so on."""
    kind: type[Task[Any]] = getattr(import_module(f"{__name__}.{name}"), f"{name.capitalize()}Task")
    return kind


TASKS: dict[str, type[Task[Any]]] = {name: _task(name) for name in MODELS}
"""The task of each model, by the name in an experiment."""
