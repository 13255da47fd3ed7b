"""The interface of every task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

Source = TypeVar("Source")


class Task(ABC, Generic[Source]):
    """A model, examples of what it is trained on, a loss and the metric that picks the weights.

    `Source` is what an example is made of: a chain of a store, or a frame. Inputs and targets are
    separate values: a model never sees its target.
    """

    Model: ClassVar[type[Any]]
    Config: ClassVar[type[Any]]
    metric: ClassVar[str]
    """A key of what `loss` gives in validation; lower is better."""
    frames: ClassVar[bool] = False
    """Whether it is trained on a store of frames (`data.frames`), not of chains."""
    nodes: ClassVar[str] = "residues"
    """What the nodes of a graph are, for messages."""

    @abstractmethod
    def __init__(self, config: Any, model: Any) -> None: ...

    @abstractmethod
    def example(self, source: Source, /, generator: torch.Generator, training: bool) -> tuple[Any, Any]:
        """An input of the model, and its target.

        Parameters
        ----------
        source
            What it is made of.
        generator
            Of all random numbers.
        training
            Rather than validation.
        """

    @staticmethod
    @abstractmethod
    def collate(targets: list[Any]) -> Any:
        """Targets of several inputs as one."""

    @abstractmethod
    def loss(
        self, model: Any, graph: Any, target: Any, generator: torch.Generator, training: bool
    ) -> Mapping[str, Tensor]:
        """The loss of a batch and further metrics.

        Parameters
        ----------
        model
            Being trained.
        graph, target
            From `example`, several of them as one.
        generator
            Of all random numbers.
        training
            Rather than validation.

        Returns
        -------
        dict
            ``"loss"``, which is minimized, and metrics without gradients.
        """
