"""ProteinMPNN's encoder and decoder; the edge's part of a decoder layer is shared by all orders."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.nn.chunks import current_chunk, slices
from protein_enn.settings import Settings
from protein_enn.structure import Structure
from protein_enn.tasks.mpnn.graph import MAX_OFFSET, BackboneGraph, backbone_graph
from protein_enn.tasks.mpnn.layers import DecoderLayer, EdgeFeatures, EncoderLayer, gathered

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
"""Its alphabet; X for what is unknown."""
SHARE = 2
"""A chunk holds this part of the nodes of other models' chunks: it has more neighbours for each."""
SCALE = 30.0
"""Messages are summed over this, whatever their number."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """A backbone, encoded once. Slot 0 of the neighbours is the node itself."""

    nodes: Float[Tensor, "n d"]
    edges: Float[Tensor, "n k d"]
    weight: Float[Tensor, "n k"]  # 1 / SCALE, 0 where there is no neighbour
    neighbors: Int[Tensor, "n k"]


class MPNN(nn.Module):
    """log p(s_i | backbone, identities decoded before i); unlike `DesignModel` it passes decoded states on."""

    class Config(Settings):
        k: int = 48  # neighbours of each residue, itself included
        hidden: int = 128
        encoder_layers: int = 3
        decoder_layers: int = 3

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        hidden = config.hidden
        self.edges = EdgeFeatures(hidden)
        self.encoder = nn.ModuleList(EncoderLayer(hidden) for _ in range(config.encoder_layers))
        self.identity = nn.Embedding(len(LETTERS), hidden)
        self.decoder = nn.ModuleList(DecoderLayer(hidden) for _ in range(config.decoder_layers))
        self.exit = nn.Linear(hidden, len(LETTERS))
        order = torch.tensor([LETTERS.index(letter) for letter in chemistry.LETTERS])
        self.register_buffer("letters", order, persistent=False)  # of chemistry.RESIDUES, X last, in its alphabet

    def graph(self, structure: Structure) -> BackboneGraph:
        """The backbone as the network sees it; ValueError if no residue has N, CA, C and O."""
        return backbone_graph(structure, self.config.k)

    def encode(self, graph: BackboneGraph) -> Encoding:
        """Features of the backbone, to be used with any number of sequences and orders."""
        own = torch.arange(len(graph.pos), device=graph.pos.device)[:, None]
        neighbors = torch.cat([own, graph.neighbors], 1)
        types = torch.cat([torch.full_like(own, MAX_OFFSET), graph.edge_types], 1)
        mask = torch.cat([torch.ones_like(own, dtype=torch.bool), graph.neighbor_mask], 1)
        weight = mask.to(graph.pos.dtype) / SCALE
        pieces = _pieces(graph.pos)
        edges = self._edge_features(graph, neighbors, types, pieces)
        nodes = edges[0].new_zeros(len(own), self.config.hidden)
        for layer in self.encoder:
            nodes, edges = _encoded(layer, nodes, edges, weight, neighbors, pieces)
        return Encoding(nodes, torch.cat(edges), weight, neighbors)

    def _edge_features(
        self, graph: BackboneGraph, neighbors: Int[Tensor, "n k"], types: Int[Tensor, "n k"], pieces: list[slice]
    ) -> list[Float[Tensor, "_ k d"]]:
        frame, found = self.edges.frame(graph.vectors), []
        for r in pieces:
            j = neighbors[r]
            offset = graph.pos[j] - graph.pos[r, None]  # before all else: positions may be far from the origin
            found.append(
                self.edges(frame[r], gathered(frame.flatten(1), j).unflatten(2, (3, 5)) + offset[..., None], types[r])
            )
        return found

    def logits(
        self, encoding: Encoding, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]
    ) -> Float[Tensor, "n 20"]:
        """Unnormalised log-probabilities under an order: `visible` are the neighbours that are decoded before."""
        return self.logits_by_order(encoding, sequence[None], visible[None])[0]

    def logits_by_order(
        self, encoding: Encoding, sequences: Int[Tensor, "o n"], visible: Bool[Tensor, "o n k"]
    ) -> Float[Tensor, "o n 20"]:
        """`logits` of several sequences or orders on one backbone at once."""
        n = len(encoding.nodes)
        shown = torch.cat([torch.zeros_like(visible[..., :1]), visible], -1)
        index = torch.where(shown, encoding.neighbors + n, encoding.neighbors)
        identities = self.identity(self.letters[sequences])
        states = encoding.nodes.expand(len(sequences), -1, -1)
        for layer in self.decoder:
            states = _decoded(layer, states, encoding, identities, index)
        return self.exit(states)[..., self.letters[: len(chemistry.AMINO_ACIDS)]]


def _pieces(like: Tensor) -> list[slice]:
    """Chunks of nodes whose edges fit a processor's cache."""
    return slices(len(like), -(-current_chunk(like.device) // SHARE))


def _encoded(
    layer: EncoderLayer,
    nodes: Float[Tensor, "n d"],
    edges: list[Float[Tensor, "_ k d"]],
    weight: Float[Tensor, "n k"],
    neighbors: Int[Tensor, "n k"],
    pieces: list[slice],
) -> tuple[Float[Tensor, "n d"], list[Float[Tensor, "_ k d"]]]:
    """Nodes and edges after an encoder layer."""
    messages = layer.messages
    target, source = messages.target(nodes), messages.source(nodes)
    sums = [
        messages.summed(weight[r], messages.along(target[r], e, gathered(source, neighbors[r])))
        for r, e in zip(pieces, edges, strict=True)
    ]
    nodes = layer.nodes(nodes, torch.cat(sums), weight)
    target, source = layer.edge_messages.target(nodes), layer.edge_messages.source(nodes)
    found = [layer.edges(e, target[r], gathered(source, neighbors[r])) for r, e in zip(pieces, edges, strict=True)]
    return nodes, found


def _decoded(
    layer: DecoderLayer,
    states: Float[Tensor, "o n d"],
    encoding: Encoding,
    identities: Float[Tensor, "o n d"],
    index: Int[Tensor, "o n k"],
) -> Float[Tensor, "o n d"]:
    """States after a decoder layer; `index` points into the encoded nodes or, from n on, the decoded ones."""
    messages = layer.messages
    decoded = messages.source(states) + layer.identity(identities)
    encoded = messages.source(encoding.nodes).expand(len(states), -1, -1)
    sources, targets = torch.cat([encoded, decoded], 1), messages.target(states)
    sums = []
    for r in _pieces(encoding.nodes):
        edge, weight = messages.edge(encoding.edges[r]), encoding.weight[r]
        sums.append(
            torch.stack(
                [
                    messages.summed(weight, messages.joined(target[r], edge, gathered(source, at[r])))
                    for target, source, at in zip(targets, sources, index, strict=True)
                ]
            )
        )
    return layer.states(states, torch.cat(sums, 1), encoding.weight)
