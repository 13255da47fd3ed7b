"""One neighborhood graph for every layer that is timed, and random features that turn with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from inference import tiled
from torch import Tensor

from protein_enn.graph import protein_graph
from protein_enn.nn.radial import GaussianBasis
from protein_enn.testing import representation

LMAX = 2


@dataclass(frozen=True)
class Sizes:
    """Features of a node and an edge. `scalars + 8 channels` and `9 tied` are about as many numbers."""

    scalars: int = 128
    channels: int = 16  # of each degree from 1 to 2
    tied: int = 32  # channels of the layers that have as many scalars as vectors and tensors
    edges: int = 64
    hidden: int = 96  # width of a message


class Surroundings:
    """n residues of copies of 1BHL, e = n k edges (i, neighbor of i), rotated by `rotation`.

    Node and edge features are leaves that ask for gradients, as those of a layer in training do; geometry is given.
    """

    def __init__(self, nodes: int, neighbors: int, rotation: Tensor | None = None) -> None:
        graph = protein_graph(tiled(nodes), neighbors, side_chains=False)
        self.rotation = torch.eye(3) if rotation is None else rotation.float()
        graph.pos = graph.pos - graph.pos.mean(0)
        self.graph = graph.moved(self.rotation, torch.zeros(3))
        rows, slots = graph.neighbor_mask.nonzero(as_tuple=True)
        self.nodes, self.edges = len(graph.pos), len(rows)
        self.edge_index = torch.stack([graph.neighbors[rows, slots], rows])  # source, target
        self.pos = self.graph.pos
        self.offset = self.pos[self.edge_index[0]] - self.pos[rows]
        self.distance = self.offset.norm(dim=1)
        self.unit = self.offset / self.distance[:, None]
        self.generator = torch.Generator().manual_seed(1)

    def scalars(self, rows: int, width: int) -> Tensor:
        """(rows, width): 0e."""
        return torch.randn(rows, width, generator=self.generator).requires_grad_()

    def vectors(self, rows: int, width: int) -> Tensor:
        """(rows, width, 3): 1o."""
        return (torch.randn(rows, width, 3, generator=self.generator) @ self.rotation.T).requires_grad_()

    def tensors(self, width: int) -> Tensor:
        """(n, 9, width): degrees 0, 1, 2 in e3nn's basis, which is everybody's."""
        irreps = " + ".join(f"1x{degree}{'eo'[degree % 2]}" for degree in range(LMAX + 1))
        drawn = torch.randn(self.nodes, (LMAX + 1) ** 2, width, generator=self.generator)
        return (representation(irreps, self.rotation).float() @ drawn).requires_grad_()

    def radial(self, size: int) -> Tensor:
        """(e, size): Gaussians of the distance."""
        return GaussianBasis(size, 1.5, 20.0)(self.distance)
