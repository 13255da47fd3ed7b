"""Tensor field network: sum over neighbours first, couple once per node."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.models.edges import EdgeEmbedding, Edges
from protein_enn.models.layers import OddMessages, PairMessages, Transition, neighbor_sum, unbiased
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.norm import TensorNorm
from protein_enn.nn.spherical import spherical_harmonics
from protein_enn.nn.tensor_convolution import TensorConvolution
from protein_enn.settings import Settings


class TensorField(nn.Module):
    """Features of every node from its surroundings: arXiv:1802.08219, with messages that see both ends.

    Gives `scalars` x 0e + `odd` x 0o + `channels` x (1o + ... + lmax).
    """

    class Config(Settings):
        layers: int = 3
        scalars: int = 128
        odd: int = 16
        channels: int = 16  # of each tensor degree
        lmax: int = 2
        edges: int = 64
        hidden: int = 96  # width of a message
        cutoff: float = 24.0  # Å, where a neighbour's weight reaches zero

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__()
        self.config = config
        self.layout = Layout(config.scalars, config.odd, config.channels, lmax=config.lmax)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff)
        self.scalars = nn.Linear(widths.scalars + widths.vectors, config.scalars)
        self.odd = unbiased(widths.pseudoscalars, config.odd)
        self.vectors = unbiased(widths.vectors, config.channels)
        self.layers = nn.ModuleList(TensorFieldLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges they were made with."""
        config = self.config
        edges = self.edges(graph)
        harmonics = spherical_harmonics(config.lmax, edges.direction)
        lengths = graph.vectors.square().sum(-1).add(1e-8).sqrt()
        vectors = self.vectors(graph.vectors.transpose(1, 2))
        higher = vectors.new_zeros(len(vectors), (config.lmax + 1) ** 2 - 4, config.channels)
        features = Features(
            self.scalars(torch.cat([graph.scalars, lengths], -1)),
            self.odd(graph.pseudoscalars),
            torch.cat([vectors, higher], 1),
            vectors.new_zeros(len(vectors), (config.lmax + 1) ** 2 - 1, 0),
        )
        for layer in self.layers:
            features = layer(features, edges, harmonics)
        return features, edges


class TensorFieldLayer(nn.Module):
    """One residual round of messages: even scalars, odd scalars, tensors."""

    def __init__(self, config: TensorField.Config, triples: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.tensor_norm = TensorNorm(config.lmax)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.lift = nn.Linear(config.scalars, config.channels)
        self.convolution = TensorConvolution(config.channels, config.lmax, config.hidden)
        self.gate = nn.Linear(config.scalars, config.channels * config.lmax)
        self.transition = Transition(config.scalars, extra=self.convolution.invariants + config.odd)
        self.lmax = config.lmax

    def forward(self, x: Features, edges: Edges, harmonics: Float[Tensor, "n k m"]) -> Features:
        normed = self.norm(x.scalars)
        messages = self.messages(normed, edges)
        scalars = x.scalars + self.even(neighbor_sum(edges.weight, messages))
        odd = x.pseudoscalars + self.odd(x.pseudoscalars, messages, edges)
        tensors = torch.cat([self.lift(normed)[:, None], self.tensor_norm(x.tensors)], 1)
        invariants, update = self.convolution(tensors, messages, harmonics, edges.neighbors, edges.weight)
        scalars = self.transition(scalars, torch.cat([invariants, odd.square()], -1))
        gates = torch.sigmoid(self.gate(scalars)).chunk(self.lmax, -1)
        gate = torch.cat([g[:, None].expand(-1, 2 * i + 3, -1) for i, g in enumerate(gates)], 1)
        return Features(scalars, odd, x.tensors + gate * update, x.pseudotensors)
