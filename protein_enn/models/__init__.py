"""Networks for a task: an encoder and the layers after it. The input of a model is a graph, never its target."""

from __future__ import annotations

from typing import Any

from torch import nn

from protein_enn.deprecated import renamed
from protein_enn.models.confidence import ConfidenceModel
from protein_enn.models.design import DesignModel
from protein_enn.models.displacement import DisplacementModel
from protein_enn.models.mpnn.ligand import LigandMPNN
from protein_enn.models.mpnn.network import MPNN
from protein_enn.models.packing.model import PackingModel
from protein_enn.models.potential import PotentialModel
from protein_enn.models.refinement import RefinementModel

MODELS: dict[str, type[Any]] = {
    "confidence": ConfidenceModel,
    "design": DesignModel,
    "displacement": DisplacementModel,
    "packing": PackingModel,
    "potential": PotentialModel,
    "refinement": RefinementModel,
}
"""By task. Each has `Config`, `__init__(config)`, `forward`, and `graph(structure)` if it predicts on structures."""

ARCHITECTURES: dict[str, type[Any]] = {"proteinmpnn": MPNN, "ligandmpnn": LigandMPNN}
"""Published networks for design, by the name in the JSON of their weights; they are not trained here."""


def build(task: str, config: dict[str, Any], architecture: str | None = None) -> Any:
    """A model with new weights.

    Parameters
    ----------
    task
        A key of `MODELS`.
    config
        Fields of its `Config` that differ from their defaults.
    architecture
        A key of `ARCHITECTURES`, for a published network of the task design.

    Returns
    -------
    Any
        The model, in training mode.

    Raises
    ------
    ValueError
        The task, the architecture or a field is unknown.

    Examples
    --------
    >>> build("design", {"encoder": "invariant"}).config.encoder
    'invariant'
    """
    if task not in MODELS:
        raise ValueError(f"no task {task!r}; there are {', '.join(MODELS)}")
    if architecture is not None and (architecture not in ARCHITECTURES or task != "design"):
        raise ValueError(
            f"no architecture {architecture!r} for {task}; for design there are {', '.join(ARCHITECTURES)}"
        )
    kind = MODELS[task] if architecture is None else ARCHITECTURES[architecture]
    return kind(kind.Config.model_validate(config))


def frozen(model: nn.Module) -> nn.Module:
    """The model in eval mode, its parameters without gradients."""
    return model.eval().requires_grad_(False)


__getattr__ = renamed(__name__)
