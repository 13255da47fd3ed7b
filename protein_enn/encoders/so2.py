"""Tensor field network whose products are computed in the frame of each edge, where one axis of rotation remains."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from protein_enn.encoders.edges import EdgeEmbedding, Edges
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.layers import NodeEmbedding, OddMessages, PairMessages, Transition, neighbor_sum
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.edge_rotations import EdgeAlignment, EdgeRotations
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.gate import gate_tensors
from protein_enn.nn.norm import TensorNorm
from protein_enn.nn.so2_convolution import SO2Convolution
from protein_enn.nn.spherical import MAX_DEGREE
from protein_enn.settings import Settings


class SO2(Encoder):
    """Features of every node from its surroundings: arXiv:2302.03655, with messages that depend on both ends.

    Features: `scalars` x 0e + `odd` x 0o + `channels` x (1o + ... + lmax).
    """

    equivariant: ClassVar[bool] = True

    class Config(Settings):
        layers: int = 3
        scalars: int = 128
        odd: int = 16
        channels: int = 16  # of each tensor degree
        lmax: int = Field(default=2, ge=1, le=MAX_DEGREE)
        mmax: int = Field(default=2, ge=0, le=MAX_DEGREE)  # order of rotation about an edge; at most lmax is used
        chiral: bool = False  # whether tensors, too, depend on the chirality of the edges, not only odd scalars
        edges: int = 64
        hidden: int = 96  # width of a message
        cutoff: float = 24.0  # Å, where a neighbor's weight reaches zero

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        self.layout = Layout(config.scalars, config.odd, config.channels, lmax=config.lmax)
        self.edge_width = config.edges
        self.edges = EdgeEmbedding(widths, config.edges, config.cutoff)
        self.alignment = EdgeAlignment(config.lmax, config.mmax)
        self.nodes = NodeEmbedding(widths, self.layout)
        self.layers = nn.ModuleList(SO2Layer(config, self.edges.pseudoscalars) for _ in range(config.layers))

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Node features and the embedded edges."""
        edges = self.edges(graph)
        rotations = self.alignment(edges.direction, edges.neighbors)
        # Two nodes at one point have no direction between them. |d|^2, 1 elsewhere, removes their tensors smoothly.
        weight = edges.weight * edges.direction.square().sum(-1)
        features = self.nodes(graph)
        for layer in self.layers:
            features = layer(features, edges, rotations, weight)
        return features, edges


class SO2Layer(nn.Module):
    """One residual layer of messages: even scalars, odd scalars, tensors."""

    def __init__(self, config: SO2.Config, triples: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.tensor_norm = TensorNorm(config.lmax)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.even = nn.Linear(config.hidden, config.scalars)
        self.odd = OddMessages(config.odd, triples, config.hidden)
        self.lift = nn.Linear(config.scalars, config.channels)
        self.convolution = SO2Convolution(
            config.channels, config.lmax, config.hidden, config.mmax, odd=triples if config.chiral else 0
        )
        self.gate = nn.Linear(config.scalars, config.channels * config.lmax)
        self.transition = Transition(config.scalars, extra=self.convolution.invariants + config.odd)

    def forward(self, x: Features, edges: Edges, rotations: EdgeRotations, weight: Float[Tensor, "n k"]) -> Features:
        normed = self.norm(x.scalars)
        messages = self.messages(normed, edges)
        scalars = x.scalars + self.even(neighbor_sum(edges.weight, messages))
        odd = x.pseudoscalars + self.odd(x.pseudoscalars, messages, edges)
        tensors = torch.cat([self.lift(normed)[:, None], self.tensor_norm(x.tensors)], 1)
        triples = edges.pseudoscalars if self.convolution.twist is not None else None
        invariants, update = self.convolution(tensors, messages, rotations, edges.neighbors, weight, triples)
        scalars = self.transition(scalars, torch.cat([invariants, odd.square()], -1))
        return Features(scalars, odd, x.tensors + gate_tensors(update, self.gate(scalars)), x.pseudotensors)
