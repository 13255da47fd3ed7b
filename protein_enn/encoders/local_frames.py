"""Equivariance by local frames: message passing on coordinates in the frame of each residue."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from protein_enn.encoders.coordinates import LENGTH, Coordinates, CoordinatesLayer
from protein_enn.encoders.edges import Edges, gather
from protein_enn.encoders.encoder import Encoder
from protein_enn.geometry.frames import backbone_frames
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.features import Features, Layout
from protein_enn.nn.radial import GaussianBasis, safe_norm, smooth_cutoff

N, C = 0, 1
"""Indices of N and C among the vectors of residue graphs."""


class LocalFrames(Encoder):
    """`Coordinates` in the frame of N, CA and C of each residue (AlphaFold 2, doi 10.1038/s41586-021-03819-2).

    Components along the axes of a frame are invariant under rotations, so any function of them is allowed; vectors of
    the output are rotated back. The axes are right-handed, the third is a cross product. So the encoder is exactly
    equivariant to rotations and translations, but not to reflections. A residue without N or C has no frame: it gets
    distances only and gives no vectors. ValueError for graphs whose nodes have fewer than two vectors.
    """

    equivariant: ClassVar[bool] = False  # to rotations only, not to all of O(3)

    Config = Coordinates.Config  # the two encoders differ only in their input

    def __init__(self, config: Coordinates.Config, widths: Widths) -> None:
        super().__init__(config, widths)
        if widths.vectors < 2:
            raise ValueError(
                "encoder local_frames needs the backbone's N and C at every node: use it on residue graphs"
            )
        self.config = config
        self.layout = Layout(config.scalars, config.odd, config.channels, lmax=1)
        self.edge_width = config.edges
        self.edges = FrameEmbedding(widths, config.edges, config.cutoff)
        self.scalars = nn.Linear(widths.scalars + widths.pseudoscalars + 3 * widths.vectors, config.scalars)
        self.layers = nn.ModuleList(CoordinatesLayer(config) for _ in range(config.layers))
        self.exit = nn.Linear(config.scalars, config.odd + 3 * config.channels)

    def forward(self, graph: GeometricGraph) -> tuple[Features, Edges]:
        """Plain numbers in the shape of features, vectors rotated out of the frames, and the edges."""
        frames = frames_of(graph)
        edges = self.edges(graph, frames)
        components = (graph.vectors @ frames.transpose(1, 2)).flatten(1) / LENGTH
        scalars = self.scalars(torch.cat([graph.scalars, graph.pseudoscalars, components], -1))
        for layer in self.layers:
            scalars = layer(scalars, edges)
        odd, vectors = self.exit(scalars).split([self.config.odd, 3 * self.config.channels], -1)
        with torch.autocast(graph.pos.device.type, enabled=False):
            vectors = frames.transpose(1, 2) @ vectors.to(frames).unflatten(1, (3, self.config.channels))
        return Features(scalars, odd, vectors, vectors.new_zeros(len(vectors), 3, 0)), edges


def frames_of(graph: GeometricGraph) -> Float[Tensor, "n 3 3"]:
    """Axes (rows) of the frame of each node, zero where N or C is missing."""
    n, c = graph.vectors[:, N], graph.vectors[:, C]
    defined = (n != 0).any(-1) & (c != 0).any(-1)
    return backbone_frames(n, torch.zeros_like(n), c) * defined[:, None, None]


class FrameEmbedding(nn.Module):
    """e_ij = W silu(A F_i (x_j - x_i) + B F_i v_i + C F_i v_j + D RBF(|x_j - x_i|) + type), F_i the frame of node i.

    `Edges` as from `ComponentEmbedding`.
    """

    def __init__(self, widths: Widths, size: int, cutoff: float, basis: int = 12) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.basis = GaussianBasis(basis, 1.5, min(cutoff, 20.0))
        self.there = nn.Linear(3 + 3 * widths.vectors, size)
        self.here = nn.Linear(3 * widths.vectors, size, bias=False)
        self.distance = nn.Linear(basis, size, bias=False)
        self.types = nn.Embedding(widths.edge_types, size)
        self.outer = nn.Linear(size, size)

    def forward(self, graph: GeometricGraph, frames: Float[Tensor, "n 3 3"]) -> Edges:
        neighbors = graph.neighbors
        # Geometry is never computed in bfloat16.
        with torch.autocast(graph.pos.device.type, enabled=False):
            offset = gather(graph.pos, neighbors) - graph.pos[:, None]
            distance = safe_norm(offset)
            vectors_j = torch.cat([offset[:, :, None], gather(graph.vectors, neighbors)], 2)
            local = (vectors_j @ frames.transpose(1, 2)[:, None]).flatten(2) / LENGTH
            own = (graph.vectors @ frames.transpose(1, 2)).flatten(1) / LENGTH
            inner = self.there(local) + self.here(own)[:, None] + self.distance(self.basis(distance))
            scalars = self.outer(silu(inner + self.types(graph.edge_types)))
        weight = smooth_cutoff(distance, self.cutoff) * graph.neighbor_mask / neighbors.shape[1]
        direction = offset / distance[..., None]
        return Edges(neighbors, weight, direction, scalars, direction[..., :0])
