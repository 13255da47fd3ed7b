"""The base class of encoders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import nn

from protein_enn.encoders.edges import Edges
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.features import Features, Layout
from protein_enn.settings import Settings


class Encoder(nn.Module, ABC):
    """A network from a graph to features of its nodes and edges.

    `layout` is the irreps of node features, `edge_width` the number of even scalars of an edge. `equivariant` is True
    if the features are exactly equivariant to all rotations and reflections.
    """

    Config: ClassVar[type[Settings]]
    equivariant: ClassVar[bool]
    layout: Layout
    edge_width: int

    @abstractmethod
    def __init__(self, config: Any, widths: Widths) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Features of n nodes and of their n x k edges."""
