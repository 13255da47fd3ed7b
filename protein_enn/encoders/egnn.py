"""E(n)-equivariant graph network: messages depend on squared distances, vectors are sums of differences."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.encoders.edges import EdgeEmbedding, Edges, gather
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.layers import NodeEmbedding, OddMessages, Transition, neighbor_sum
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.features import Features, Layout
from protein_enn.settings import Settings


class EGNN(Encoder):
    """Every node has a few points; messages depend on the distances between points and move them: arXiv:2102.09844.

    In the paper the position of a node is moved. Here it is fixed, because the graph depends on it. Instead the node
    has points X_ic = x_i + V_ic, whose offsets V (Å) are vectors. At first they are linear in the graph's vectors (so
    they depend on the backbone), then they are moved by the rule of the paper. Several points per node:
    arXiv:2208.06073. Features: `scalars` x 0e + `odd` x 0o + `channels` x 1o, the offsets. Odd scalars come from the
    triple products of the edges alone, so they are zero where nodes have no vectors.
    """

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 4
        scalars: int = 128
        odd: int = 16
        channels: int = 8  # points of each node
        edges: int = 64
        hidden: int = 128  # width of a message
        cutoff: float = 24.0  # Å, where a neighbor's weight reaches zero

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        self.layout = Layout(config.scalars, config.odd, config.channels, lmax=1)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff)
        self.nodes = NodeEmbedding(widths, self.layout)
        self.layers = nn.ModuleList(EGNNLayer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges."""
        edges = self.edges(graph)
        offset = gather(graph.pos, edges.neighbors) - graph.pos[:, None]
        first = self.nodes(graph)
        scalars, odd, points = first.scalars, first.pseudoscalars, first.tensors
        for layer in self.layers:
            scalars, odd, points = layer(scalars, odd, points, offset, edges)
        return Features(scalars, odd, points, first.pseudotensors), edges


class EGNNLayer(nn.Module):
    """m_ij = silu(W1 h_i + W2 h_j + W3 e_ij + W4 log(1 + |D_ij|^2)) with D_ijc = X_jc - X_ic;
    V_ic + sum_j w_ij phi_c(m_ij) D_ijc / (|D_ijc| + 1); h_i + W sum_j w_ij m_ij, then a transition.

    The logarithm maps squares of 0 to 1,000 Å^2 to the range of one linear map; the division is that of
    arXiv:2203.17003.
    Scalars (n, h) 0e, odd (n, o) 0o, points V (n, 3, c) 1o, offset x_j - x_i (n, k, 3) 1o -> the first three.
    """

    def __init__(self, config: EGNN.Config, triples: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.target = nn.Linear(config.scalars, config.hidden)
        self.source = nn.Linear(config.scalars, config.hidden, bias=False)
        self.edge = nn.Linear(config.edges, config.hidden, bias=False)
        self.distance = nn.Linear(config.channels, config.hidden, bias=False)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.step = nn.Linear(config.hidden, config.channels, bias=False)
        self.transition = Transition(config.scalars, extra=config.odd)

    def forward(
        self,
        scalars: Float[Tensor, "n h"],
        odd: Float[Tensor, "n o"],
        points: Float[Tensor, "n 3 c"],
        offset: Float[Tensor, "n k 3"],
        edges: Edges,
    ) -> tuple[Float[Tensor, "n h"], Float[Tensor, "n o"], Float[Tensor, "n 3 c"]]:
        difference = offset[..., None] + gather(points, edges.neighbors) - points[:, None]
        square = difference.square().sum(2)
        normed = self.norm(scalars)
        source = gather(self.source(normed), edges.neighbors) + self.target(normed)[:, None]
        messages = silu(self.edge(edges.scalars) + source + self.distance(torch.log1p(square)))
        scalars = scalars + self.even(neighbor_sum(edges.weight, messages))
        odd = odd + self.odd(odd, messages, edges)
        step = edges.weight[..., None] * self.step(messages) / ((square + 1e-8).sqrt() + 1)
        points = points + (step[:, :, None] * difference).sum(1)
        return self.transition(scalars, odd.square()), odd, points
