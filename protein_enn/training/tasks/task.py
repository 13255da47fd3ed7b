"""What every task is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from protein_enn.data.chain import Chain


class Task(ABC):
    """A model, examples of what it is trained on, a loss and the metric that picks the weights.

    Inputs and targets are separate values: a model never sees its target.
    """

    Model: ClassVar[type[Any]]
    Config: ClassVar[type[Any]]
    metric: ClassVar[str]
    """A key of what `loss` gives in validation; lower is better."""

    @abstractmethod
    def __init__(self, config: Any, model: Any) -> None: ...

    @abstractmethod
    def example(self, chain: Chain, generator: torch.Generator, training: bool) -> tuple[Any, Any]:
        """A graph and its target. All randomness comes from the generator."""

    @staticmethod
    @abstractmethod
    def collate(targets: list[Any]) -> Any:
        """Targets of several graphs as one."""

    @abstractmethod
    def loss(
        self, model: Any, graph: Any, target: Any, generator: torch.Generator, training: bool
    ) -> Mapping[str, Tensor]:
        """`loss`, which is minimized, and further metrics of a batch."""
