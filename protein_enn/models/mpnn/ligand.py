"""LigandMPNN: ProteinMPNN whose encoded residues also depend on atoms of ligands, ions and nucleic acids near them.

doi 10.1038/s41592-025-02626-1.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from protein_enn.kd_tree import kd_tree
from protein_enn.models.mpnn.elements import ELEMENTS, NUMBER
from protein_enn.models.mpnn.encoding import SCALE, Encoding, pieces_of
from protein_enn.models.mpnn.graph import BackboneGraph
from protein_enn.models.mpnn.layers import CENTERS, Messages, NodeUpdate, gaussians, ideal_cb
from protein_enn.models.mpnn.network import MPNN
from protein_enn.nn.chunks import slices
from protein_enn.structure import KINDS, Structure

HYDROGEN = NUMBER["H"]


class LigandMPNN(MPNN):
    """log p(s_i | backbone, the atoms around it, identities decoded before i)."""

    class Config(MPNN.Config):
        k: int = 32
        context: int = 25  # atoms around a residue, those nearest to CB, however far
        context_layers: int = 2

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.context_size = config.context
        self.context = Context(config.hidden, config.context_layers)

    def graph(self, structure: Structure) -> BackboneGraph:
        """The backbone and the atoms around each residue: vectors from CA and atomic numbers, 0 for none."""
        graph = super().graph(structure)
        positions, numbers = context_atoms(structure)
        count = min(self.context_size, len(numbers))
        near = torch.zeros(len(graph.pos), count, dtype=torch.long)
        if count:
            cb = graph.pos.double() + ideal_cb(graph.vectors.double())
            tree = kd_tree(positions.double().numpy())
            near = torch.from_numpy(tree.query(cb.numpy(), k=range(1, count + 1))[1])
        graph.context_vectors = positions[near] - graph.pos[:, None]
        graph.context_kinds = numbers[near]
        return graph

    def encode(self, graph: BackboneGraph) -> Encoding:
        """Features of the backbone and its context atoms."""
        encoding = super().encode(graph)
        frame, step = self.edges.frame(graph.vectors), max(1, pieces_of(graph.pos) // max(1, self.context_size // 2))
        parts = []
        for r in slices(len(encoding.nodes), step):
            parts.append(self.context(encoding.nodes[r], frame[r], graph.context_vectors[r], graph.context_kinds[r]))
        return replace(encoding, nodes=encoding.nodes + torch.cat(parts))


def context_atoms(structure: Structure) -> tuple[Float[Tensor, "a 3"], Int[Tensor, "a"]]:
    """Positions and atomic numbers of hetero atoms, without waters, hydrogens and unknown elements.

    Atoms that a modified residue has beyond its parent are left out: they would reveal its identity.
    """
    hetero = structure.hetero
    numbers = torch.tensor([NUMBER.get(element.upper(), 0) for element in hetero.elements], dtype=torch.long)
    kept = (hetero.kinds != KINDS.index("water")) & (hetero.kinds != KINDS.index("other"))
    kept &= (numbers != 0) & (numbers != HYDROGEN)
    return hetero.positions[kept], numbers[kept]


class Context(nn.Module):
    """Messages among the atoms around a residue, then from them to the residue, in each layer.

    The feature of an atom is its element, that of a pair of atoms their distance. Features of an atom and its residue
    are the distances to N, CA, C, O and CB, the element, and the direction in the frame of the residue.
    """

    centers: Tensor

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.distances = nn.Linear(5 * CENTERS, hidden)
        self.kinds = nn.Embedding(ELEMENTS, hidden)
        self.directions = nn.Linear(4, hidden, bias=False)
        self.norm = nn.LayerNorm(hidden)
        self.atoms = nn.Embedding(ELEMENTS, hidden)
        self.atom_norm, self.atom_entry = nn.LayerNorm(hidden), nn.Linear(hidden, hidden)
        self.pairs, self.pair_norm = nn.Linear(CENTERS, hidden, bias=False), nn.LayerNorm(hidden)
        self.entry = nn.Linear(hidden, hidden)
        self.among = nn.ModuleList(NodeUpdate(hidden, Messages(hidden, source=False)) for _ in range(layers))
        self.toward = nn.ModuleList(NodeUpdate(hidden, Messages(hidden)) for _ in range(layers))
        self.outer, self.outer_norm = nn.Linear(hidden, hidden, bias=False), nn.LayerNorm(hidden)
        self.register_buffer("centers", torch.linspace(2.0, 22.0, CENTERS), persistent=False)

    def forward(
        self,
        nodes: Float[Tensor, "m d"],
        frame: Float[Tensor, "m 3 5"],
        vectors: Float[Tensor, "m c 3"],
        kinds: Int[Tensor, "m c"],
    ) -> Float[Tensor, "m d"]:
        """Terms to be added to some encoded residues, from their backbone and the atoms around them, from CA (Å)."""
        (m, c, _), d = vectors.shape, nodes.shape[1]
        weight = (kinds > 0).to(nodes.dtype) / SCALE
        edges = self._edges(frame, vectors, kinds)
        pairs = self._distances((vectors[:, :, None] - vectors[:, None]).square().sum(-1))
        pairs = self.pair_norm(self.pairs(pairs)).view(m * c, c, d)
        pair_weight = weight[:, None].expand(m, c, c).reshape(m * c, c)
        atoms = self.atom_entry(self.atom_norm(self.atoms(kinds))).view(m * c, d)
        states = self.entry(nodes)
        for among, toward in zip(self.among, self.toward, strict=True):
            among, toward = cast(NodeUpdate, among), cast(NodeUpdate, toward)
            layer = among.messages
            sums = layer.weighted_sum(pair_weight, layer.combine(layer.target(atoms), None, layer.edge(pairs)))
            atoms = among.states(atoms, sums, pair_weight)
            layer = toward.messages
            source = layer.source(atoms).view(m, c, d)
            sums = layer.weighted_sum(weight, layer.combine(layer.target(states), layer.edge(edges), source))
            states = toward.states(states, sums, weight)
        result: Tensor = self.outer_norm(self.outer(states))
        return result

    def _edges(
        self, frame: Float[Tensor, "m 3 5"], vectors: Float[Tensor, "m c 3"], kinds: Int[Tensor, "m c"]
    ) -> Float[Tensor, "m c d"]:
        """Features of atoms relative to their residue."""
        basis = self._distances((vectors[..., None] - frame[:, None]).square().sum(2)).flatten(2)
        features = self.distances(basis) + self.kinds(kinds) + self.directions(directions(frame, vectors))
        result: Tensor = self.norm(features)
        return result

    def _distances(self, squares: Float[Tensor, "*n"]) -> Float[Tensor, "*n b"]:
        """Gaussians of distances, given their squares."""
        return gaussians((squares + 1e-6).sqrt(), self.centers)


def directions(frame: Float[Tensor, "m 3 5"], vectors: Float[Tensor, "m c 3"]) -> Float[Tensor, "m c 4"]:
    """Cosine and sine of azimuth and elevation of an atom, in the frame of a residue: x to N, C in the xy plane."""
    n, c = frame[..., 0], frame[..., 2]
    x = nn.functional.normalize(n, dim=-1)
    y = nn.functional.normalize(c - x * (x * c).sum(-1, keepdim=True), dim=-1)
    axes = torch.stack([x, y, torch.linalg.cross(x, y)], -1)
    local = vectors @ axes
    flat = (local[..., :2].square().sum(-1, keepdim=True) + 1e-8).sqrt()
    length = local.norm(dim=-1, keepdim=True) + 1e-8
    return torch.cat([local[..., :2] / flat, flat / length, local[..., 2:] / length], -1)
