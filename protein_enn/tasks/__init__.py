"""What is learned. A task is a model with its example, loss and figure of merit; a model never sees its target."""

from __future__ import annotations

from typing import Any

from protein_enn.tasks.design import DesignTask
from protein_enn.tasks.displacement import DisplacementTask
from protein_enn.tasks.mpnn.ligand import LigandMPNN
from protein_enn.tasks.mpnn.network import MPNN
from protein_enn.tasks.refinement import RefinementTask

TASKS: dict[str, type[Any]] = {"design": DesignTask, "displacement": DisplacementTask, "refinement": RefinementTask}
"""Each: `Model` (with `Config`), `example(chain, generator)`, `loss(model, graph, target, generator)`, `figure`."""

ARCHITECTURES: dict[str, type[Any]] = {"proteinmpnn": MPNN, "ligandmpnn": LigandMPNN}
"""Published networks for design, by the name that the JSON of their weights gives; nothing here trains them."""
