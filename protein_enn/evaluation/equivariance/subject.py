"""A model to be certified: its graph, its outputs, and its precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from protein_enn.evaluation.equivariance.outputs import Outputs
from protein_enn.graph.fields import GeometricGraph
from protein_enn.nn.features import Features
from protein_enn.structure import Structure

PRECISIONS = {"float64": torch.float64, "float32": torch.float32, "bf16": torch.float32}
"""Types of parameters and coordinates; bf16 is float32 under autocast."""


class Subject(ABC):
    """A model in one precision on one device."""

    has_ideal_cb = False
    """Whether graphs have the ideal CB of L-amino acids, which the mirror image of a structure has not."""

    def __init__(self, model: nn.Module, precision: str, device: torch.device) -> None:
        self.precision, self.device, self.dtype = precision, device, PRECISIONS[precision]
        self.model: Any = model.to(device, self.dtype).eval().requires_grad_(False)

    @property
    def encoder(self) -> Any:
        """The part that `torch.compile` is applied to."""
        return self.model.encoder

    def encoder_input(self, graph: GeometricGraph) -> GeometricGraph:
        """The graph that the encoder takes."""
        return graph

    @abstractmethod
    def graph(self, structure: Structure) -> GeometricGraph:
        """The graph of a structure in its own precision, on the CPU."""

    def has_mirror(self, structure: Structure) -> bool:
        """Whether the graph of the mirror image is the mirror image of the graph."""
        return not self.has_ideal_cb

    def residue_inputs(self, structure: Structure, seed: int) -> dict[str, Tensor]:
        """Inputs other than the geometry, for each residue of the structure."""
        return {}

    @abstractmethod
    def predictions(self, graph: GeometricGraph, mirrored: bool) -> Outputs:
        """All outputs for a graph in the model's precision."""

    def calls(self, structure: Structure) -> Outputs:
        """Outputs of calls from structure to structure, one row for each residue."""
        return {}

    def outputs(self, graph: GeometricGraph, mirrored: bool = False, gradients: bool = False) -> Outputs:
        """All outputs for a graph of any precision.

        Parameters
        ----------
        graph
            Of a structure.
        mirrored
            Give the outputs expected for the mirror image, before vectors are reflected: from the features of this
            graph, with the sign of the odd scalars changed where even and odd ones are mixed.
        gradients
            Run the path with gradients.
        """
        with torch.set_grad_enabled(gradients), self.precise():
            return self.predictions(self.cast(graph), mirrored)

    def cast(self, graph: GeometricGraph) -> GeometricGraph:
        """The graph in the precision and on the device of the model."""
        floating = {key: value.to(self.dtype) for key, value in graph.to_dict().items() if _is_floating(value)}
        result: GeometricGraph = graph.clone().update(floating).to(self.device)
        return result

    @contextmanager
    def precise(self) -> Iterator[None]:
        """Products in bfloat16 if that is the precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield


@contextmanager
def recorded(encoder: nn.Module, encoded: list[Features], mirrored: bool) -> Iterator[None]:
    """Within the block, records the encoder's features and, if `mirrored`, changes the sign of its odd scalars."""

    def hook(module: nn.Module, inputs: Any, result: Any) -> Any:
        features, edges = result
        encoded.append(features)
        if not mirrored:
            return None
        return replace(features, pseudoscalars=-features.pseudoscalars), edges

    handle = encoder.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()
