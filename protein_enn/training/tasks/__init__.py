"""What is learned. A task is a model with its example, loss and figure of merit; a model never sees its target."""

from __future__ import annotations

from typing import Any

from protein_enn.training.tasks.design import DesignTask
from protein_enn.training.tasks.displacement import DisplacementTask
from protein_enn.training.tasks.refinement import RefinementTask

TASKS: dict[str, type[Any]] = {"design": DesignTask, "displacement": DisplacementTask, "refinement": RefinementTask}
"""Each: `Model` (with `Config`), `example(chain, generator)`, `loss(model, graph, target, generator)`, `figure`."""
