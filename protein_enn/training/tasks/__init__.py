"""Tasks: a model with its examples, loss and metric."""

from __future__ import annotations

from protein_enn.data.chain import Chain
from protein_enn.training.tasks.design import DesignTask
from protein_enn.training.tasks.displacement import DisplacementTask
from protein_enn.training.tasks.refinement import RefinementTask
from protein_enn.training.tasks.task import Task

__all__ = ["TASKS", "Task"]

TASKS: dict[str, type[Task[Chain]]] = {
    "design": DesignTask,
    "displacement": DisplacementTask,
    "refinement": RefinementTask,
}
"""By the name in an experiment."""
