"""Edge features from geometry: even scalars, odd scalars, directions."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.radial import GaussianBasis, safe_norm, smooth_cutoff


@dataclass(frozen=True, eq=False)
class Edges:
    """What an encoder knows of the pairs (i, neighbour of i)."""

    neighbors: Int[Tensor, "n k"]
    weight: Float[Tensor, "n k"]  # smooth cutoff of the distance, over k; 0 where there is no neighbour
    direction: Float[Tensor, "n k 3"]  # unit vector from i to its neighbour: 1o
    scalars: Float[Tensor, "n k e"]  # embedded distances, angles and types: e x 0e
    pseudoscalars: Float[Tensor, "n k t"]  # triple products: t x 0o


def gather(values: Float[Tensor, "n *f"], index: Int[Tensor, "m k"]) -> Float[Tensor, "m k *f"]:
    """values[index]; `index_select` because its gradient is much faster than that of indexing."""
    return values.index_select(0, index.reshape(-1)).view(*index.shape, *values.shape[1:])


class EdgeEmbedding(nn.Module):
    """Distances between frame atoms of the two ends, dot products of vectors and direction, type -> `Edges`.

    With frame atoms a (the node and its first three vectors) and unit vectors v, d:
    scalars W [RBF(|x_i + a - x_j - b|), v_i.d, v_j.d, v_i.v_j] + type; pseudoscalars d.(v_i x v_i'), d.(v_i x v_j) ...
    """

    FRAME = 3
    DOTS = 5
    CHUNK = 128

    def __init__(self, widths: Widths, size: int, cutoff: float, basis: int = 12) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.frame = min(self.FRAME, widths.vectors)
        self.dots = min(self.DOTS, widths.vectors)
        self.pseudoscalars = 12 if self.frame == self.FRAME else 0
        self.basis = GaussianBasis(basis, 1.5, min(cutoff, 20.0))
        pairs = (self.frame + 1) ** 2
        self.linear = nn.Linear(pairs * basis + 2 * widths.vectors + self.dots**2, size)
        self.types = nn.Embedding(widths.edge_types, size)

    def forward(self, graph: GeometricGraph) -> Edges:
        """All edges; without gradients in chunks of nodes, whose temporaries are many times the result."""
        n = len(graph.neighbors)
        chunk = n if torch.is_grad_enabled() else self.CHUNK
        # Geometry keeps its digits when products elsewhere are done in bfloat16.
        with torch.autocast(graph.pos.device.type, enabled=False):
            parts = [self._rows(graph, slice(i, min(i + chunk, n))) for i in range(0, n, chunk)]
        if len(parts) == 1:
            return parts[0]
        return Edges(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Edges)))

    def _rows(self, graph: GeometricGraph, rows: slice) -> Edges:
        neighbors, mask = graph.neighbors[rows], graph.neighbor_mask[rows]
        vectors, (n, k) = graph.vectors[rows], neighbors.shape
        # Differences before anything else: positions may be far from the origin.
        offset = gather(graph.pos, neighbors) - graph.pos[rows, None]
        distance = safe_norm(offset)
        direction = offset / distance[..., None]
        vectors_j = gather(graph.vectors, neighbors)
        atoms_i = torch.cat([vectors.new_zeros(n, 1, 3), vectors[:, : self.frame]], 1)
        atoms_j = torch.cat([vectors.new_zeros(n, k, 1, 3), vectors_j[:, :, : self.frame]], 2) + offset[:, :, None]
        pairs = safe_norm(atoms_j[:, :, None] - atoms_i[:, None, :, None])
        unit_i = vectors / safe_norm(vectors)[..., None]
        unit_j = vectors_j / safe_norm(vectors_j)[..., None]
        dots_i = direction @ unit_i.transpose(1, 2)
        dots_j = (unit_j @ direction[..., None]).squeeze(-1)
        dots = unit_j[:, :, : self.dots] @ unit_i[:, None, : self.dots].transpose(-1, -2)
        features = torch.cat([self.basis(pairs).view(n, k, -1), dots_i, dots_j, dots.reshape(n, k, -1)], -1)
        weight = smooth_cutoff(distance, self.cutoff) * mask / k
        return Edges(
            neighbors,
            weight,
            direction,
            self.linear(features) + self.types(graph.edge_types[rows]),
            self._triple_products(unit_i, unit_j, direction),
        )

    def _triple_products(self, unit_i: Tensor, unit_j: Tensor, direction: Tensor) -> Tensor:
        if self.frame < self.FRAME:
            return direction[..., :0]
        cross = torch.linalg.cross
        n, k = direction.shape[:2]
        normal_i = cross(unit_i[:, 0], unit_i[:, 1])[:, None].expand(n, k, 3)
        normal_j = cross(unit_j[:, :, 0], unit_j[:, :, 1])
        here = torch.cat([unit_j[:, :, :3], direction[:, :, None]], 2) @ normal_i[..., None]
        there = torch.cat([unit_i[:, None, :3].expand(n, k, 3, 3), direction[:, :, None]], 2) @ normal_j[..., None]
        twist = cross(direction[:, :, None], unit_i[:, None, :2].expand(n, k, 2, 3)) @ unit_j[:, :, :2].transpose(2, 3)
        return torch.cat([here.flatten(2), there.flatten(2), twist.flatten(2)], -1)
