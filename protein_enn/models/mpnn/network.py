"""Encoder and decoder of ProteinMPNN. The edge term of a decoder layer is the same for all orders."""

from __future__ import annotations

from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.models.decoding import Sets
from protein_enn.models.mpnn.decoding import StateDecoding, last_logits
from protein_enn.models.mpnn.encoding import SCALE, Encoding, pieces_of
from protein_enn.models.mpnn.graph import MAX_OFFSET, BackboneGraph, backbone_graph
from protein_enn.models.mpnn.layers import DecoderLayer, EdgeFeatures, EncoderLayer, gather
from protein_enn.nn.chunks import slices
from protein_enn.settings import Settings
from protein_enn.structure import Structure

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
"""Its alphabet; X is an unknown residue."""


class MPNN(nn.Module):
    """log p(s_i | backbone, identities decoded before i). Unlike `DesignModel` it uses the states of decoded nodes."""

    atoms = ("N", "CA", "C", "O")
    shows_unknown = True
    letters: Tensor

    class Config(Settings):
        k: int = 48  # neighbors of each residue, itself included
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
        self.register_buffer("letters", order, persistent=False)  # index in its alphabet of each of chemistry.RESIDUES

    def graph(self, structure: Structure) -> BackboneGraph:
        """The input of the network; ValueError if no residue has N, CA, C and O."""
        return backbone_graph(structure, self.config.k)

    def encode(self, graph: BackboneGraph) -> Encoding:
        """Features of the backbone, for any number of sequences and orders."""
        own = torch.arange(len(graph.pos), device=graph.pos.device)[:, None]
        neighbors = torch.cat([own, graph.neighbors], 1)
        types = torch.cat([torch.full_like(own, MAX_OFFSET), graph.edge_types], 1)
        mask = torch.cat([torch.ones_like(own, dtype=torch.bool), graph.neighbor_mask], 1)
        weight = mask.to(graph.pos.dtype) / SCALE
        pieces = slices(len(graph.pos), pieces_of(graph.pos))
        edges = self._edge_features(graph, neighbors, types, pieces)
        nodes = edges[0].new_zeros(len(own), self.config.hidden)
        for layer in self.encoder:
            nodes, edges = _encode_layer(cast(EncoderLayer, layer), nodes, edges, weight, neighbors, pieces)
        return Encoding(nodes, torch.cat(edges), weight, neighbors)

    def _edge_features(
        self, graph: BackboneGraph, neighbors: Int[Tensor, "n k"], types: Int[Tensor, "n k"], pieces: list[slice]
    ) -> list[Float[Tensor, "_ k d"]]:
        """Features of edges before the first layer, in pieces."""
        frame, features = self.edges.frame(graph.vectors), []
        for r in pieces:
            j = neighbors[r]
            offset = graph.pos[j] - graph.pos[r, None]  # computed first: positions may be far from the origin
            neighbor_frame = gather(frame.flatten(1), j).unflatten(2, (3, 5)) + offset[..., None]
            features.append(self.edges(frame[r], neighbor_frame, types[r]))
        return features

    def logits(
        self, encoding: Encoding, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]
    ) -> Float[Tensor, "n 20"]:
        """Unnormalized log-probabilities in a decoding order: `visible` are the neighbors decoded before a node."""
        return self.logits_by_order(encoding, sequence[None], visible[None])[0]

    def logits_by_order(
        self, encoding: Encoding, sequences: Int[Tensor, "o n"], visible: Bool[Tensor, "o n k"]
    ) -> Float[Tensor, "o n 20"]:
        """`logits` of several sequences or orders on one backbone.

        Parameters
        ----------
        encoding
            The backbone.
        sequences
            Index into `chemistry.RESIDUES` of each node, for each order.
        visible
            Neighbors that are decoded before a node, for each order.

        Returns
        -------
        Float[Tensor, "o n 20"]
            In the order of `chemistry.AMINO_ACIDS`.
        """
        n = len(encoding.nodes)
        shown = torch.cat([torch.zeros_like(visible[..., :1]), visible], -1)
        index = torch.where(shown, encoding.neighbors + n, encoding.neighbors)
        identities = self.identity(self.letters[sequences])
        states = encoding.nodes.expand(len(sequences), -1, -1)
        for layer in self.decoder:
            states = _decode_layer(cast(DecoderLayer, layer), states, encoding, identities, index)
        return self.output_logits(states)

    def single(
        self, encoding: Encoding, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], rank: Int[Tensor, "n"]
    ) -> Float[Tensor, "n 20"]:
        """Logits of each residue when it is moved from its position in the order `rank` to the end."""
        every = torch.arange(len(sequence), device=sequence.device)
        return self.last(encoding, sequence, shown, rank, Sets(every, every, sequence, torch.zeros_like(every)))

    def last(
        self,
        encoding: Encoding,
        sequence: Int[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        sets: Sets,
    ) -> Float[Tensor, "m 20"]:
        """Logits of the residues of each set when they are moved to the end of the order `rank`, in their own order."""
        return last_logits(self, encoding, sequence, shown, rank, sets)

    def start(
        self,
        encoding: Encoding,
        sequence: Int[Tensor, "n"],
        given: Bool[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        samples: int,
    ) -> StateDecoding:
        """Sequences to be decoded residue by residue, given ones first in the order `rank`."""
        return StateDecoding(self, encoding, sequence, given, shown, rank, samples)

    def output_logits(self, states: Float[Tensor, "*o n d"]) -> Float[Tensor, "*o n 20"]:
        """Logits of decoded states, in the order of `chemistry.AMINO_ACIDS`."""
        logits: Tensor = self.exit(states)
        return logits[..., self.letters[: len(chemistry.AMINO_ACIDS)]]


def _encode_layer(
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
        messages.weighted_sum(weight[r], messages.from_edges(target[r], e, gather(source, neighbors[r])))
        for r, e in zip(pieces, edges, strict=True)
    ]
    nodes = layer.nodes(nodes, torch.cat(sums), weight)
    target, source = layer.edge_messages.target(nodes), layer.edge_messages.source(nodes)
    edges = [layer.edges(e, target[r], gather(source, neighbors[r])) for r, e in zip(pieces, edges, strict=True)]
    return nodes, edges


def _decode_layer(
    layer: DecoderLayer,
    states: Float[Tensor, "o n d"],
    encoding: Encoding,
    identities: Float[Tensor, "o n d"],
    index: Int[Tensor, "o n k"],
) -> Float[Tensor, "o n d"]:
    """States after a decoder layer. `index` is that of encoded nodes or, from n on, of decoded nodes."""
    messages = layer.messages
    decoded = messages.source(states) + layer.identity(identities)
    encoded = messages.source(encoding.nodes).expand(len(states), -1, -1)
    sources, targets = torch.cat([encoded, decoded], 1), messages.target(states)
    sums = []
    for r in slices(len(encoding.nodes), pieces_of(encoding.nodes)):
        edge, weight = messages.edge(encoding.edges[r]), encoding.weight[r]
        sums.append(
            torch.stack(
                [
                    messages.weighted_sum(weight, messages.combine(target[r], edge, gather(source, rows[r])))
                    for target, source, rows in zip(targets, sources, index, strict=True)
                ]
            )
        )
    return layer.states(states, torch.cat(sums, 1), encoding.weight)
