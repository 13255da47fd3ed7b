"""Graph network of geometric vector perceptrons."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from protein_enn.encoders.edges import EdgeEmbedding, Edges
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.layers import NodeEmbedding, OddMessages, neighbor_sum
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.gvp import GVP as Perceptron
from protein_enn.nn.gvp import ChiralProducts, GVPConvolution
from protein_enn.nn.norm import TensorNorm
from protein_enn.settings import Settings


class GVP(Encoder):
    """Scalars and vectors of every node from its surroundings: arXiv:2009.01411, with gates of arXiv:2106.03843.

    Features: `scalars` x 0e + `odd` x 0o + `channels` x 1o. Odd scalars come from the triple products of the edges and
    of the node's own vectors. So atoms without vector features get them too.
    """

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 4
        scalars: int = 128
        odd: int = 16
        channels: int = 16  # vectors
        edges: int = 64
        hidden: int = 96  # width of a message
        cutoff: float = 24.0  # Å, where a neighbor's weight reaches zero

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        self.layout = Layout(config.scalars, config.odd, config.channels, lmax=1)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff)
        self.nodes = NodeEmbedding(widths, self.layout)
        self.layers = nn.ModuleList(GVPLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges."""
        edges = self.edges(graph)
        features = self.nodes(graph)
        for layer in self.layers:
            features = layer(features, edges)
        return features, edges


class GVPLayer(nn.Module):
    """One residual layer: messages of one perceptron, then two perceptrons on each node."""

    def __init__(self, config: GVP.Config, triples: int) -> None:
        super().__init__()
        h, c = config.scalars, config.channels
        self.norm, self.inner_norm = nn.LayerNorm(h), nn.LayerNorm(h)
        self.vector_norm = TensorNorm(lmax=1)
        self.messages = GVPConvolution(h, c, config.edges, config.hidden)
        self.even = nn.Linear(config.hidden, h)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.chiral = ChiralProducts(c, config.odd)
        self.inner = Perceptron((h + config.odd, 2 * h), (c, 2 * c))
        self.outer = Perceptron((2 * h, h), (2 * c, c), activation=False)

    def forward(self, x: Features, edges: Edges) -> Features:
        messages, update = self.messages(
            self.norm(x.scalars),
            self.vector_norm(x.vectors),
            edges.scalars,
            edges.direction,
            edges.neighbors,
            edges.weight,
        )
        scalars = x.scalars + self.even(neighbor_sum(edges.weight, messages))
        odd = x.pseudoscalars + self.odd(x.pseudoscalars, messages, edges)
        vectors = x.vectors + update
        normed = self.vector_norm(vectors)
        triple, chiral = self.chiral(normed, odd)
        odd = odd + triple
        inner = self.inner(torch.cat([self.inner_norm(scalars), odd.square()], -1), normed)
        even, update = self.outer(*inner)
        return Features(scalars + even, odd, vectors + chiral + update, x.pseudotensors)
