"""Invariant message passing: all geometry enters through distances, angles and triple products of the edges."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.encoders.edges import EdgeEmbedding, Edges
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.layers import (
    EdgeUpdate,
    NodeEmbedding,
    OddMessages,
    PairMessages,
    Transition,
    neighbor_sum,
)
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.chunks import Source, in_chunks
from protein_enn.nn.edge_loops import loops_for
from protein_enn.nn.features import Features, Layout
from protein_enn.settings import Settings


class Invariant(Encoder):
    """Scalar messages between k neighbors, which update the edges too: `scalars` x 0e + `odd` x 0o, no tensors."""

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 4
        scalars: int = 128
        odd: int = 16
        edges: int = 64
        hidden: int = 128
        edge_updates: bool = True  # whether edges are updated from both ends after every layer
        depth: int = Field(default=1, ge=1, le=2)  # linear maps of a message before the one after the sum
        transition: int = 2  # inner width of a transition, times `scalars`
        dropout: float = Field(default=0.0, ge=0, lt=1)  # of summed messages and of transitions, in training
        cutoff: float = 24.0  # Å

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        self.layout = Layout(config.scalars, config.odd)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff, rounded=not config.odd)
        self.nodes = NodeEmbedding(widths, self.layout)
        self.layers = nn.ModuleList(InvariantLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the edges, embedded and updated."""
        edges = self.edges(graph)
        features = self.nodes(graph)
        for layer in self.layers:
            features, edges = layer(features, edges)
        return features, edges


class InvariantLayer(nn.Module):
    """One residual layer of scalar messages."""

    def __init__(self, config: Invariant.Config, triples: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.deeper = nn.Linear(config.hidden, config.hidden) if config.depth == 2 else None
        self.transition = Transition(config.scalars, config.transition, config.odd, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        self.edge_update = EdgeUpdate(config.scalars, config.edges) if config.edge_updates else None

    def forward(self, x: Features, edges: Edges) -> tuple[Features, Edges]:
        normed = self.norm(x.scalars)
        loops = None
        if not x.pseudoscalars.shape[1]:
            loops = loops_for(edges.scalars, edges.scalars.shape[2], self.even.in_features)
        if loops is not None:
            return self._by_loops(loops, x, normed, edges)
        rows = (self.messages.target(normed), edges.scalars, edges.pseudoscalars, edges.weight)
        values = (self.messages.source(normed), self.odd.node(x.pseudoscalars))
        even, odd = in_chunks(self._sums, rows, values, edges.neighbors, self.parameters())
        odd = x.pseudoscalars + odd
        scalars = self.transition(x.scalars + self.dropout(self.even(even)), odd.square())
        if self.edge_update is not None:
            edges = self.edge_update(scalars, edges)
        return replace(x, scalars=scalars, pseudoscalars=odd), edges

    def _by_loops(self, loops: ModuleType, x: Features, normed: Tensor, edges: Edges) -> tuple[Features, Edges]:
        """The same without odd scalars, by compiled loops."""
        target, source, matrix = self.messages.target(normed), self.messages.source(normed), self.messages.edge.weight
        parts = (edges.scalars, target, source, edges.neighbors, edges.weight, matrix, self.deeper)
        even: Tensor = loops.summed_messages(*parts)
        scalars = self.transition(x.scalars + self.dropout(self.even(even)), x.pseudoscalars)
        if self.edge_update is not None:
            edges = self.edge_update(scalars, edges)
        return replace(x, scalars=scalars), edges

    def _sums(
        self, target: Tensor, e: Tensor, triples: Tensor, weight: Tensor, source: Source, odd: Source
    ) -> tuple[Tensor, Tensor]:
        """Sums over the neighbors of some nodes: messages and odd scalars."""
        messages = self.messages.combine(target, source.gather(), e)
        if self.deeper is not None:
            messages = silu(self.deeper(messages))
        return neighbor_sum(weight, messages), self.odd.combine(odd.gather(), messages, triples, weight)
