"""ProteinMPNN's encoder and decoder, with its linear maps split by source and moved behind sums where they commute.

The published network concatenates what an edge joins and maps it once for each edge. Here
W [h_i, e_ij, h_j] = W1 h_i + W2 e_ij + W3 h_j, of which two terms are worked out once per node, and the last map of a
message, which is linear, follows the sum over neighbours. The edge's part of a decoder layer is shared by all orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from protein_enn import chemistry
from protein_enn.nn.chunks import current_chunk, slices
from protein_enn.settings import Settings
from protein_enn.structure import Structure
from protein_enn.tasks.mpnn.graph import MAX_OFFSET, POSITION_TYPES, BackboneGraph, backbone_graph

LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
"""Its alphabet; X for what is unknown."""
SCALE = 30.0
"""Messages are summed over this, whatever their number."""
CENTERS, LOWEST, HIGHEST = 16, 2.0, 22.0
"""Of the Gaussians of a distance, Å."""


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
        edges = self.edges(graph.pos, graph.vectors, neighbors, types)
        nodes = edges.new_zeros(len(own), self.config.hidden)
        for layer in self.encoder:
            nodes, edges = layer(nodes, edges, weight, neighbors)
        return Encoding(nodes, edges, weight, neighbors)

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
            states = layer(states, encoding, identities, index)
        return self.exit(states)[..., self.letters[: len(chemistry.AMINO_ACIDS)]]


class EdgeFeatures(nn.Module):
    """W_e LayerNorm(W_r RBF(|a_i - b_j| of N, CA, C, O, CB) + P[offset in sequence]), CB where an L-amino acid has it."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.distances = nn.Linear(25 * CENTERS, hidden, bias=False)
        self.positions = nn.Embedding(POSITION_TYPES, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.outer = nn.Linear(hidden, hidden)
        self.register_buffer("centers", torch.linspace(LOWEST, HIGHEST, CENTERS), persistent=False)

    def forward(
        self, pos: Float[Tensor, "n 3"], vectors: Float[Tensor, "n 3 3"], neighbors: Tensor, types: Tensor
    ) -> Float[Tensor, "n k d"]:
        n, c, o = vectors.unbind(1)
        cb = -0.58273431 * torch.linalg.cross(-n, c) - 0.56802827 * n - 0.54067466 * c
        frame = torch.stack([n, torch.zeros_like(n), c, o, cb], 1)
        parts = []
        for rows in slices(len(pos), current_chunk(pos.device)):
            j = neighbors[rows]
            offset = (pos[j] - pos[rows, None])[:, :, None] + frame[j]
            apart = (offset[:, :, None] - frame[rows, None, :, None]).square().sum(-1).add(1e-6).sqrt()
            near = apart.flatten(2)[..., None].sub(self.centers).div(-(HIGHEST - LOWEST) / CENTERS).square()
            basis = near.neg_().exp_().flatten(2)
            parts.append(self.outer(self.norm(self.distances(basis) + self.positions(types[rows]))))
        return torch.cat(parts)


class Feedforward(nn.Module):
    """W2 gelu(W1 x)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

    def forward(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        return self.outer(gelu(self.inner(x)))


class Messages(nn.Module):
    """gelu(W gelu(W1 h_i + W2 e_ij + W3 h_j)), before the last linear map."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.target = nn.Linear(hidden, hidden)
        self.edge = nn.Linear(hidden, hidden, bias=False)
        self.source = nn.Linear(hidden, hidden, bias=False)
        self.inner = nn.Linear(hidden, hidden)
        self.outer = nn.Linear(hidden, hidden)

    def joined(
        self, target: Float[Tensor, "m d"], edge: Float[Tensor, "m k d"], source: Float[Tensor, "m k d"]
    ) -> Float[Tensor, "m k d"]:
        """Messages from W1 h_i, W2 e_ij and W3 h_j."""
        return gelu(self.inner(gelu(source + edge + target[:, None])))

    def summed(self, weight: Float[Tensor, "m k"], messages: Float[Tensor, "m k d"]) -> Float[Tensor, "m d"]:
        """sum_j w_ij messages_ij."""
        return (weight[:, None].to(messages.dtype) @ messages)[:, 0]

    def mapped(self, summed: Float[Tensor, "*o n d"], weight: Float[Tensor, "n k"]) -> Float[Tensor, "*o n d"]:
        """The last map of a sum of messages, whose bias comes once for each."""
        return summed @ self.outer.weight.T + weight.sum(1, keepdim=True) * self.outer.bias


class EncoderLayer(nn.Module):
    """Nodes learn from their edges and neighbours, then edges from both ends."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.messages, self.edge_messages = Messages(hidden), Messages(hidden)
        self.feedforward = Feedforward(hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(3))

    def forward(
        self, nodes: Float[Tensor, "n d"], edges: Float[Tensor, "n k d"], weight: Tensor, neighbors: Int[Tensor, "n k"]
    ) -> tuple[Float[Tensor, "n d"], Float[Tensor, "n k d"]]:
        pieces = slices(len(nodes), current_chunk(nodes.device))
        target, source = self.messages.target(nodes), self.messages.source(nodes)
        sums = [
            self.messages.summed(
                weight[r], self.messages.joined(target[r], self.messages.edge(edges[r]), source[neighbors[r]])
            )
            for r in pieces
        ]
        nodes = self.norms[0](nodes + self.messages.mapped(torch.cat(sums), weight))
        nodes = self.norms[1](nodes + self.feedforward(nodes))
        update = self.edge_messages
        target, source = update.target(nodes), update.source(nodes)
        parts = [
            self.norms[2](
                edges[r] + update.outer(update.joined(target[r], update.edge(edges[r]), source[neighbors[r]]))
            )
            for r in pieces
        ]
        return nodes, torch.cat(parts)


class DecoderLayer(nn.Module):
    """As a node's part of an encoder layer, over neighbours that are decoded (state and identity) or encoded."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.messages = Messages(hidden)
        self.identity = nn.Linear(hidden, hidden, bias=False)
        self.feedforward = Feedforward(hidden)
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2))

    def forward(
        self,
        states: Float[Tensor, "o n d"],
        encoding: Encoding,
        identities: Float[Tensor, "o n d"],
        index: Int[Tensor, "o n k"],
    ) -> Float[Tensor, "o n d"]:
        """States after the layer; `index` points into the encoded nodes or, from n on, the decoded ones."""
        messages = self.messages
        decoded = messages.source(states) + self.identity(identities)
        encoded = messages.source(encoding.nodes).expand(len(states), -1, -1)
        sources, targets = torch.cat([encoded, decoded], 1), messages.target(states)
        sums = []
        for r in slices(len(encoding.nodes), current_chunk(encoding.nodes.device)):
            edge, weight = messages.edge(encoding.edges[r]), encoding.weight[r]
            sums.append(
                torch.stack(
                    [
                        messages.summed(weight, messages.joined(target[r], edge, source[at[r]]))
                        for target, source, at in zip(targets, sources, index, strict=True)
                    ]
                )
            )
        states = self.norms[0](states + messages.mapped(torch.cat(sums, 1), encoding.weight))
        return self.norms[1](states + self.feedforward(states))
