"""Tensor field network: sum over neighbors first, couple once per node."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

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
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.gate import gate_tensors
from protein_enn.nn.norm import TensorNorm
from protein_enn.nn.spherical import MAX_DEGREE, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution
from protein_enn.settings import Settings


class TensorField(Encoder):
    """Features of every node from its surroundings: arXiv:1802.08219, with messages that depend on both ends.

    Features: `scalars` x 0e + `odd` x 0o + `channels` x (1o + 2e ... lmax) + `pseudochannels` x (1e + 2o ... lmax);
    with lmax 0 there are no tensors.
    """

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 3
        scalars: int = 128
        odd: int = 16
        channels: int = 16  # of each tensor degree
        pseudochannels: int = 0  # of each tensor degree, of the other parity: axial vectors and so on
        lmax: int = Field(default=2, ge=0, le=MAX_DEGREE)
        edges: int = 64
        hidden: int = 96  # width of a message
        edge_updates: bool = False  # whether edges are updated from both ends after every layer
        basis: int = 12  # Gaussians for each distance of an edge
        transition: int = 2  # inner width of a transition, times `scalars`
        cutoff: float = 24.0  # Å, where a neighbor's weight reaches zero
        nearest: float = 1.5  # Å, the center of the first Gaussian
        expected: float | None = Field(default=None, gt=0)  # neighbors, for sums that are smooth: see `EdgeEmbedding`
        dropout: float = Field(default=0.0, ge=0, lt=1)  # of summed messages and of transitions, in training

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        channels, pseudochannels = (config.channels, config.pseudochannels) if config.lmax else (0, 0)
        self.layout = Layout(config.scalars, config.odd, channels, pseudochannels, config.lmax)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(
            widths, config.edges, config.cutoff, config.basis, nearest=config.nearest, expected=config.expected
        )
        self.nodes = NodeEmbedding(widths, self.layout)
        self.layers = nn.ModuleList(TensorFieldLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))
        updates = config.layers if config.edge_updates else 0
        self.edge_updates = nn.ModuleList(EdgeUpdate(config.scalars, config.edges) for _ in range(updates))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges."""
        edges = self.edges(graph)
        harmonics = spherical_harmonics(self.config.lmax, edges.direction)
        features = self.nodes(graph)
        for i, layer in enumerate(self.layers):
            features = layer(features, edges, harmonics)
            if self.config.edge_updates:
                edges = self.edge_updates[i](features.scalars, edges)
        return features, edges


class TensorFieldLayer(nn.Module):
    """One residual layer of messages: even scalars, odd scalars, tensors."""

    def __init__(self, config: TensorField.Config, triples: int) -> None:
        super().__init__()
        axial = config.pseudochannels
        self.norm = nn.LayerNorm(config.scalars)
        self.tensor_norm = TensorNorm(config.lmax)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.lift = nn.Linear(config.scalars, config.channels)
        self.convolution = TensorConvolution(config.channels, config.lmax, config.hidden, axial)
        if config.lmax:
            self.gate = nn.Linear(config.scalars, config.channels * config.lmax)
        extra = self.convolution.scalars + config.odd
        self.transition = Transition(config.scalars, config.transition, extra, config.dropout)
        self.dropout = nn.Dropout(config.dropout)
        if axial:
            self.lift_odd = nn.Linear(config.odd, axial, bias=False)
            self.odd_from_tensors = nn.Linear(self.convolution.pseudoscalars, config.odd, bias=False)
        if axial and config.lmax:
            self.gate_odd = nn.Linear(config.scalars, axial * config.lmax)
        self.axial = axial

    def forward(self, x: Features, edges: Edges, harmonics: Float[Tensor, "n k m"]) -> Features:
        normed = self.norm(x.scalars)
        lifted = self._with_degree_zero(normed, x)
        target = edges.at_targets(self.messages.target(normed))
        rows = (target, edges.scalars, edges.pseudoscalars, edges.weight, harmonics)
        values = (self.messages.source(normed), self.odd.node(x.pseudoscalars), lifted)
        sums = in_chunks(self._sums, rows, values, edges.neighbors, self.parameters())
        even, odd, coupled = (edges.per_node(part, len(normed)) for part in sums)
        scalars = x.scalars + self.dropout(self.even(even))
        odd = x.pseudoscalars + odd
        update = self.convolution.mix_paths(coupled)
        if self.axial:
            odd = odd + self.odd_from_tensors(update.pseudoscalars)
        scalars = self.transition(scalars, torch.cat([update.scalars, odd.square()], -1))
        tensors = x.tensors
        if tensors.shape[2]:
            tensors = tensors + gate_tensors(update.tensors, self.gate(scalars))
        pseudotensors = x.pseudotensors
        if pseudotensors.shape[2]:
            pseudotensors = pseudotensors + gate_tensors(update.pseudotensors, self.gate_odd(scalars))
        return Features(scalars, odd, tensors, pseudotensors)

    def _sums(
        self,
        target: Tensor,
        e: Tensor,
        triples: Tensor,
        weight: Tensor,
        harmonics: Tensor,
        source: Source,
        odd: Source,
        lifted: Source,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over the neighbors of some nodes: messages, odd scalars, coupled products."""
        messages = self.messages.combine(target, source.gather(), e)
        coupled = self.convolution.couple(lifted, messages, harmonics, weight)
        return neighbor_sum(weight, messages), self.odd.combine(odd.gather(), messages, triples, weight), coupled

    def _with_degree_zero(self, normed: Float[Tensor, "n h"], x: Features) -> Float[Tensor, "n m c"]:
        """Channels from degree 0 on: some scalars before the tensors, pseudoscalars before the pseudotensors."""
        n, components = len(normed), x.tensors.shape[1]
        tensors = self.tensor_norm(x.tensors) if components else normed.new_zeros(n, 0, self.convolution.channels)
        lifted = torch.cat([self.lift(normed)[:, None], tensors], 1)
        if not self.axial:
            return lifted
        axial = self.tensor_norm(x.pseudotensors) if components else normed.new_zeros(n, 0, self.axial)
        return torch.cat([lifted, torch.cat([self.lift_odd(x.pseudoscalars)[:, None], axial], 1)], 2)
