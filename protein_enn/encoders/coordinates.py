"""The control: message passing on plain coordinates. It can learn symmetry only from augmentation."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.encoders.edges import Edges, gather
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.layers import PairMessages, Transition, neighbor_sum
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.radial import GaussianBasis, safe_norm, smooth_cutoff
from protein_enn.settings import Settings

LENGTH = 4.0
"""Å; about the distance of successive CAs. Components are divided by it, so that they are of order 1."""


class Coordinates(Encoder):
    """The baseline of the other encoders: x, y and z of every difference are three plain numbers.

    Positions enter as differences only, so the encoder is exactly equivariant to translations and permutations. A
    rotation or a reflection changes all outputs. The layout (`scalars` x 0e + `odd` x 0o + `channels` x 1o) lets every
    task use the outputs, but only training on rotated structures can make them rotate like these irreps.
    """

    equivariant: ClassVar[bool] = False

    class Config(Settings):
        layers: int = 4
        scalars: int = 128
        odd: int = 16
        channels: int = 16
        edges: int = 64
        hidden: int = 128  # width of a message
        cutoff: float = 24.0  # Å, where a neighbor's weight reaches zero

    def __init__(self, config: Config, widths: Widths) -> None:
        super().__init__(config, widths)
        self.config = config
        self.layout = Layout(config.scalars, config.odd, config.channels, lmax=1)
        self.edge_width = config.edges
        self.edges = ComponentEmbedding(widths, config.edges, config.cutoff)
        self.scalars = nn.Linear(widths.scalars + widths.pseudoscalars + 3 * widths.vectors, config.scalars)
        self.layers = nn.ModuleList(CoordinatesLayer(config) for _ in range(config.layers))
        self.exit = nn.Linear(config.scalars, config.odd + 3 * config.channels)

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Plain numbers in the shape of features, and the embedded edges."""
        edges = self.edges(graph)
        components = graph.vectors.flatten(1) / LENGTH
        scalars = self.scalars(torch.cat([graph.scalars, graph.pseudoscalars, components], -1))
        for layer in self.layers:
            scalars = layer(scalars, edges)
        odd, vectors = self.exit(scalars).split([self.config.odd, 3 * self.config.channels], -1)
        vectors = vectors.unflatten(1, (3, self.config.channels))
        return Features(scalars, odd, vectors, vectors.new_zeros(len(vectors), 3, 0)), edges


class ComponentEmbedding(nn.Module):
    """e_ij = W silu(A (x_j - x_i) + B v_i + C v_j + D RBF(|x_j - x_i|) + type), components of vectors as numbers.

    `Edges` as from `EdgeEmbedding`, but `scalars` (n, k, size) are not 0e, and there are no pseudoscalars.
    """

    def __init__(self, widths: Widths, size: int, cutoff: float, basis: int = 12) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.basis = GaussianBasis(basis, 1.5, min(cutoff, 20.0))
        self.offset = nn.Linear(3, size)
        self.distance = nn.Linear(basis, size, bias=False)
        self.here = nn.Linear(3 * widths.vectors, size, bias=False) if widths.vectors else None
        self.there = nn.Linear(3 * widths.vectors, size, bias=False) if widths.vectors else None
        self.types = nn.Embedding(widths.edge_types, size)
        self.outer = nn.Linear(size, size)

    def forward(self, graph: GeometricGraph) -> Edges:
        neighbors = graph.neighbors
        # Geometry is never computed in bfloat16.
        with torch.autocast(graph.pos.device.type, enabled=False):
            offset = gather(graph.pos, neighbors) - graph.pos[:, None]
            distance = safe_norm(offset)
            inner = self.offset(offset / LENGTH) + self.distance(self.basis(distance)) + self.types(graph.edge_types)
            if self.here is not None and self.there is not None:
                components = graph.vectors.flatten(1) / LENGTH
                inner = inner + gather(self.there(components), neighbors) + self.here(components)[:, None]
            scalars = self.outer(silu(inner))
        weight = smooth_cutoff(distance, self.cutoff) * graph.neighbor_mask / neighbors.shape[1]
        direction = offset / distance[..., None]
        return Edges(neighbors, weight, direction, scalars, direction[..., :0])


class CoordinatesLayer(nn.Module):
    """One residual layer of messages and a transition: (n, scalars) -> the same."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.scalars)
        self.messages = PairMessages(config.scalars, config.edges, config.hidden)
        self.update = nn.Linear(config.hidden, config.scalars)
        self.transition = Transition(config.scalars)

    def forward(self, scalars: Float[Tensor, "n h"], edges: Edges) -> Float[Tensor, "n h"]:
        messages = self.messages(self.norm(scalars), edges)
        return self.transition(scalars + self.update(neighbor_sum(edges.weight, messages)))
