"""Edge features from geometry: even scalars, odd scalars, directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.nn.chunks import Source, in_chunks
from protein_enn.nn.edge_messages import gaussians, supported
from protein_enn.nn.radial import GaussianBasis, polynomial_cutoff, safe_norm, smooth_cutoff


@dataclass(frozen=True, eq=False)
class Edges:
    """Features of the pairs (i, neighbor of i), in n rows: one of each node, or of the nodes `targets`."""

    neighbors: Int[Tensor, "n k"]
    weight: Float[Tensor, "n k"]  # smooth cutoff of the distance, divided by k or so; 0 where there is no neighbor
    direction: Float[Tensor, "n k 3"]  # unit vector from i to its neighbor: 1o
    scalars: Float[Tensor, "n k e"]  # embedded distances, angles and types: e x 0e
    pseudoscalars: Float[Tensor, "n k t"]  # triple products: t x 0o
    targets: Int[Tensor, "n"] | None = None

    def at_targets(self, values: Float[Tensor, "m *f"]) -> Float[Tensor, "n *f"]:
        """Values of the nodes, for each row."""
        return values if self.targets is None else values.index_select(0, self.targets)

    def per_node(self, sums: Float[Tensor, "n *f"], nodes: int) -> Float[Tensor, "m *f"]:
        """Sums over the neighbors of each row, as sums over all neighbors of each node."""
        if self.targets is None:
            return sums
        return sums.new_zeros(nodes, *sums.shape[1:]).index_add(0, self.targets, sums)


def gather(values: Float[Tensor, "n *f"], index: Int[Tensor, "m k"]) -> Float[Tensor, "m k *f"]:
    """values[index], by `index_select`: its gradient is much faster than that of indexing."""
    return values.index_select(0, index.reshape(-1)).view(*index.shape, *values.shape[1:])


class EdgeEmbedding(nn.Module):
    """Distances between frame atoms of the two ends, dot products of vectors and direction, type -> `Edges`.

    With frame atoms a (the node and its first vectors, `Widths.frame` of them) and unit vectors v, d:
    scalars W [RBF(|x_i + a - x_j - b|), v_i.d, v_j.d, v_i.v_j] + type; pseudoscalars d.(v_i x v_i'), d.(v_i x v_j) ...

    With a number of `expected` neighbors the weight has two derivatives at the cutoff and is divided by that number and
    not by k: sums over neighbors are smooth in all positions and do not depend on how many places a graph has.
    """

    TRIPLE = 3
    DOTS = 5

    def __init__(
        self,
        widths: Widths,
        size: int,
        cutoff: float,
        basis: int = 12,
        rounded: bool = False,
        nearest: float = 1.5,
        expected: float | None = None,
    ) -> None:
        super().__init__()
        self.expected = expected
        self.cutoff, self.rounded = cutoff, rounded  # whether bases of distances may be bfloat16 in autocast
        self.frame = min(widths.frame, widths.vectors)
        self.dots = min(self.DOTS, widths.vectors)
        self.pseudoscalars = 12 if self.frame >= self.TRIPLE else 0
        self.basis = GaussianBasis(basis, nearest, min(cutoff, 20.0))
        pairs = (self.frame + 1) ** 2
        self.linear = nn.Linear(pairs * basis + 2 * widths.vectors + self.dots**2, size)
        self.types = nn.Embedding(widths.edge_types, size)

    def forward(self, graph: GeometricGraph) -> Edges:
        """All edges, in chunks of nodes: intermediate values take many times the memory of the result."""
        points = torch.cat([graph.pos, graph.vectors.flatten(1)], 1)
        targets = graph.targets if "targets" in graph else None
        nodes = (graph.pos, graph.vectors)
        at_targets = nodes if targets is None else tuple(values.index_select(0, targets) for values in nodes)
        rows = (*at_targets, graph.edge_types, graph.neighbor_mask)
        fast = self.rounded and supported(graph.pos.device) and not points.requires_grad
        step = partial(self._rows, fast)
        # Geometry is never computed in bfloat16.
        with torch.autocast(graph.pos.device.type, enabled=False):
            features = in_chunks(step, rows, (points,), graph.neighbors, self.parameters(), divisor=2)
        weight, direction, scalars, pseudoscalars = features
        return Edges(graph.neighbors, weight, direction, scalars, pseudoscalars, targets)

    def _rows(
        self, fast: bool, pos: Tensor, vectors: Tensor, types: Tensor, mask: Tensor, source: Source
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weight, direction, scalars and pseudoscalars of the edges of some nodes.

        `source` holds position and vectors of their ends, 3 + 3 v. With `fast` the products with bases of distances are
        bfloat16.
        """
        ends = source.gather()
        n, k, _ = ends.shape
        # Differences come first: positions may be far from the origin.
        offset = ends[..., :3] - pos[:, None]
        vectors_j = ends[..., 3:].view(n, k, -1, 3)
        distance = safe_norm(offset)
        direction = offset / distance[..., None]
        pairs = self._distances(vectors, vectors_j, offset)
        unit_i = vectors / safe_norm(vectors)[..., None]
        unit_j = vectors_j / safe_norm(vectors_j)[..., None]
        dots_i = torch.cat([direction[:, :, None], unit_j[:, :, : self.dots]], 2).view(n, -1, 3) @ unit_i.mT
        dots_i = dots_i.view(n, k, self.dots + 1, -1)
        dots_j = (unit_j * direction[:, :, None]).sum(-1)
        angles = torch.cat([dots_i[:, :, 0], dots_j, dots_i[:, :, 1:, : self.dots].flatten(2)], -1)
        size = self.linear.in_features - angles.shape[-1]
        by_distance, by_angle = self.linear.weight.split([size, angles.shape[-1]], 1)
        if fast:
            basis = gaussians(pairs, self.basis.centers, self.basis.inverse_width).view(n, k, -1)
            scalars = linear(basis, by_distance.bfloat16()) + self.linear.bias
        else:
            scalars = linear(self.basis(pairs).view(n, k, -1), by_distance, self.linear.bias)
        if self.expected is None:
            weight = smooth_cutoff(distance, self.cutoff) * mask / k
        else:
            weight = polynomial_cutoff(distance, self.cutoff) * mask / self.expected
        return (
            weight,
            direction,
            scalars + linear(angles, by_angle) + self.types(types),
            self._triple_products(unit_i, unit_j, direction),
        )

    def _distances(self, vectors: Tensor, vectors_j: Tensor, offset: Tensor) -> Float[Tensor, "n k p"]:
        """|x_j + b - x_i - a| for all frame atoms a of i (outer index) and b of j (inner index).

        The axis of x, y, z comes before pairs, so that every operation is over all pairs at once.
        """
        (n, k, _), atoms = offset.shape, self.frame + 1
        points_i = torch.cat([vectors.new_zeros(n, 1, 3), vectors[:, : self.frame]], 1).mT
        points_j = torch.cat([offset[..., None], offset[..., None] + vectors_j[:, :, : self.frame].mT], -1)
        points_i = points_i[:, None, :, :, None].expand(n, 1, 3, atoms, atoms).flatten(3)
        points_j = points_j[:, :, :, None].expand(n, k, 3, atoms, atoms).flatten(3)
        return ((points_j - points_i).square().sum(2) + 1e-8).sqrt()

    def _triple_products(self, unit_i: Tensor, unit_j: Tensor, direction: Tensor) -> Tensor:
        """Triple products of the first vectors of both ends and the direction; none for nodes with fewer vectors."""
        if self.frame < self.TRIPLE:
            return direction[..., :0]
        cross = torch.linalg.cross
        n, k = direction.shape[:2]
        normal_i = cross(unit_i[:, 0], unit_i[:, 1])[:, None].expand(n, k, 3)
        normal_j = cross(unit_j[:, :, 0], unit_j[:, :, 1])
        with_i = torch.cat([unit_j[:, :, :3], direction[:, :, None]], 2) @ normal_i[..., None]
        with_j = torch.cat([unit_i[:, None, :3].expand(n, k, 3, 3), direction[:, :, None]], 2) @ normal_j[..., None]
        twist = cross(direction[:, :, None], unit_i[:, None, :2].expand(n, k, 2, 3)) @ unit_j[:, :, :2].transpose(2, 3)
        return torch.cat([with_i.flatten(2), with_j.flatten(2), twist.flatten(2)], -1)
