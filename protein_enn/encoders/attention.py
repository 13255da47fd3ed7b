"""Equivariant attention: tensor field messages whose weights are learned, summed first and coupled once per node."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from protein_enn.encoders.edges import EdgeEmbedding, Edges
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.layers import NodeEmbedding, OddMessages, PairMessages, Transition, neighbor_sum
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.attention import NeighborAttention
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.gate import gate_tensors
from protein_enn.nn.norm import TensorNorm
from protein_enn.nn.spherical import MAX_DEGREE, spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution
from protein_enn.settings import Settings


class EquivariantAttention(Encoder):
    """Invariant attention weights on equivariant values: arXiv:2006.10503, with the MLP attention of arXiv:2206.11990.

    Features: `scalars` x 0e + `odd` x 0o + `channels` x (1o + ... + lmax); with lmax 0 there are no tensors.
    """

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 3
        heads: int = 8
        scalars: int = 128
        odd: int = 16
        channels: int = 16  # of each tensor degree
        lmax: int = Field(default=2, ge=0, le=MAX_DEGREE)
        edges: int = 64
        hidden: int = 96  # width of a message, all heads together
        cutoff: float = 24.0  # Å, where a neighbor's attention reaches zero

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        channels = config.channels if config.lmax else 0
        self.layout = Layout(config.scalars, config.odd, channels, lmax=config.lmax)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff)
        self.nodes = NodeEmbedding(widths, self.layout)
        self.layers = nn.ModuleList(AttentionLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges."""
        edges = self.edges(graph)
        harmonics = spherical_harmonics(self.config.lmax, edges.direction)
        features = self.nodes(graph)
        for layer in self.layers:
            features = layer(features, edges, harmonics)
        return features, edges


class AttentionLayer(nn.Module):
    """One residual layer: even scalars, odd scalars and tensors of the neighbors, by the same attention."""

    def __init__(self, config: EquivariantAttention.Config, triples: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.attention = NeighborAttention(config.hidden, config.heads)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.values = TensorValues(config) if config.lmax else None
        invariants = self.values.convolution.scalars if self.values else 0
        self.transition = Transition(config.scalars, extra=invariants + config.odd)
        self.gate = nn.Linear(config.scalars, config.lmax * config.channels) if config.lmax else None

    def forward(self, x: Features, edges: Edges, harmonics: Float[Tensor, "n k m"]) -> Features:
        normed = self.norm(x.scalars)
        cutoff = edges.weight * edges.weight.shape[1]  # the weight of `Edges` is divided by k
        messages, weight = self.attention(self.messages(normed, edges), cutoff)
        edges = replace(edges, weight=weight)
        scalars = x.scalars + self.even(neighbor_sum(weight, messages))
        odd = x.pseudoscalars + self.odd(x.pseudoscalars, messages, edges)
        if self.values is None or self.gate is None:
            return Features(self.transition(scalars, odd.square()), odd, x.tensors, x.pseudotensors)
        invariants, update = self.values(normed, x.tensors, messages, edges, harmonics)
        scalars = self.transition(scalars, torch.cat([invariants, odd.square()], -1))
        return Features(scalars, odd, x.tensors + gate_tensors(update, self.gate(scalars)), x.pseudotensors)


class TensorValues(nn.Module):
    """The values of the attention: the tensor product of Y(d_ij) with tensors and some scalars of the neighbor.

    h (n, scalars), tensors (n, (lmax + 1)^2 - 1, channels) -> invariants (n, i), tensors of the same shape.
    """

    def __init__(self, config: EquivariantAttention.Config) -> None:
        super().__init__()
        self.lift = nn.Linear(config.scalars, config.channels)
        self.norm = TensorNorm(config.lmax)
        self.convolution = TensorConvolution(config.channels, config.lmax, config.hidden)

    def forward(
        self, h: Tensor, tensors: Tensor, messages: Tensor, edges: Edges, harmonics: Tensor
    ) -> tuple[Float[Tensor, "n i"], Float[Tensor, "n m c"]]:
        x = torch.cat([self.lift(h)[:, None], self.norm(tensors)], 1)
        update = self.convolution(x, messages, harmonics, edges.neighbors, edges.weight)
        return update.scalars, update.tensors
