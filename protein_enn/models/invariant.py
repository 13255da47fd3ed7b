"""Invariant message passing: all geometry enters through distances, angles and triple products of the edges."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import nn

from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.models.edges import EdgeEmbedding, Edges
from protein_enn.models.layers import OddMessages, PairMessages, Transition, neighbor_sum, node_features, unbiased
from protein_enn.nn.features import Features, Layout
from protein_enn.settings import Settings


class Invariant(nn.Module):
    """Scalar messages between k neighbours: gives `scalars` x 0e + `odd` x 0o and no tensors."""

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 4
        scalars: int = 128
        odd: int = 16
        edges: int = 64
        hidden: int = 128
        cutoff: float = 24.0  # Å

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__()
        self.config = config
        self.layout = Layout(config.scalars, config.odd)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff)
        self.scalars = nn.Linear(widths.scalars + widths.vectors, config.scalars)
        self.odd = unbiased(widths.pseudoscalars, config.odd)
        self.layers = nn.ModuleList(InvariantLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges they were made with."""
        edges = self.edges(graph)
        first = node_features(graph, self.layout, self.scalars, self.odd)
        scalars, odd = first.scalars, first.pseudoscalars
        for layer in self.layers:
            scalars, odd = layer(scalars, odd, edges)
        return replace(first, scalars=scalars, pseudoscalars=odd), edges


class InvariantLayer(nn.Module):
    """One residual round of scalar messages."""

    def __init__(self, config: Invariant.Config, triples: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.transition = Transition(config.scalars, extra=config.odd)

    def forward(self, scalars: torch.Tensor, odd: torch.Tensor, edges: Edges) -> tuple[torch.Tensor, torch.Tensor]:
        messages = self.messages(self.norm(scalars), edges)
        scalars = scalars + self.even(neighbor_sum(edges.weight, messages))
        odd = odd + self.odd(odd, messages, edges)
        return self.transition(scalars, odd.square()), odd
