"""Inverse folding: the likelihood of a sequence given a backbone, exact under any decoding order."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import one_hot, silu

from protein_enn import chemistry
from protein_enn.encoders import encoder
from protein_enn.encoders.context import ContextEmbedding
from protein_enn.encoders.language import LanguageEmbedding
from protein_enn.encoders.layers import Transition, activated_sum, neighbor_sum
from protein_enn.graph import ProteinGraph, protein_graph
from protein_enn.graph.context import CONTEXT_KINDS, CONTEXT_RADIUS
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS
from protein_enn.models.decoding import Sets
from protein_enn.models.design_decoding import NOT_VISIBLE, IdentityDecoding, last_logits
from protein_enn.models.design_orders import decode_orders
from protein_enn.models.stability import StabilityHeads
from protein_enn.nn.chunks import Source, in_chunks
from protein_enn.nn.edge_loops import loops_for
from protein_enn.nn.edge_messages import supported
from protein_enn.settings import Settings
from protein_enn.structure import Structure

LANGUAGE_FEATURES = 64
"""Features of a residue to which those of a language model are mapped."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """An encoded backbone, on which any number of sequences can be scored."""

    nodes: Float[Tensor, "n d"]
    edges: Float[Tensor, "n k e"]
    weight: Float[Tensor, "n k"]
    neighbors: Int[Tensor, "n k"]


class DesignModel(nn.Module):
    """An encoder of the backbone, and a decoder that uses the identities of visible neighbors.

    The sources of the decoder are the encoded neighbors and their identities, never their decoded states. So residue i
    depends on exactly the identities that are `visible` to it: the joint likelihood under any order is the sum of its
    conditionals, and every residue given all others takes one pass.
    """

    atoms = ("N", "CA", "C")
    shows_unknown = False

    class Config(Settings):
        encoder: str = "tensor_field"
        encoder_settings: dict[str, Any] = Field(default_factory=dict)
        k: int = 32  # neighbors of each residue
        context: int = 32  # features of the ligands, ions and nucleic acids around a residue
        decoder_layers: int = 3
        hidden: int = 128
        decoder_depth: int = Field(default=1, ge=1, le=2)  # linear maps of a message before the one after the sum
        transition: int = 2  # inner width of a transition, times `hidden`
        dropout: float = Field(default=0.0, ge=0, lt=1)  # of the decoder, in training
        language: int = Field(default=0, ge=0)  # features of a residue from a language model: its width, 0 for none
        conditions: tuple[str, ...] = ()  # names of teachers; an input selects the one to predict like
        stability: StabilityHeads.Config | None = None  # heads for measured stabilities, trained on the frozen model

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        language = LANGUAGE_FEATURES if config.language else 0
        frame = BACKBONE_WIDTHS.frame
        scalars = BACKBONE_WIDTHS.scalars + config.context + language + len(config.conditions)
        self.context = ContextEmbedding(CONTEXT_KINDS, frame, config.context, CONTEXT_RADIUS)
        self.encoder = encoder(config.encoder, config.encoder_settings, replace(BACKBONE_WIDTHS, scalars=scalars))
        layout = self.encoder.layout
        # A map of both 0e and 0o is not invariant under reflections: from here on L and D amino acids differ.
        self.entry = nn.Linear(layout.scalars + layout.pseudoscalars, config.hidden)
        # Messages are sums of backbone features and an embedded identity: without a norm the features would dominate.
        self.norm = nn.LayerNorm(config.hidden)
        self.decoder = nn.ModuleList(
            DecoderLayer(
                config.hidden, self.encoder.edge_width, config.transition, config.dropout, config.decoder_depth
            )
            for _ in range(config.decoder_layers)
        )
        self.exit = nn.Sequential(nn.LayerNorm(config.hidden), nn.Linear(config.hidden, len(chemistry.AMINO_ACIDS)))
        self.language = LanguageEmbedding(config.language, language) if language else None
        self.stability = None if config.stability is None else StabilityHeads(config.stability, config.hidden)

    def graph(
        self, structure: Structure, language: Float[Tensor, "n l"] | None = None, condition: str = ""
    ) -> ProteinGraph:
        """The input of the model.

        Parameters
        ----------
        structure
            Any structure with a backbone.
        language
            Features of all n residues from a language model, for a model that takes them; by default zeros.
        condition
            One of the model's conditions, by default the first.

        Returns
        -------
        ProteinGraph
            The backbone.

        Raises
        ------
        ValueError
            No residue has a CA, or the condition is unknown.
        """
        graph = protein_graph(structure, self.config.k, side_chains=False)
        if self.config.conditions:
            index = self.config.conditions.index(condition) if condition else 0
            graph.condition = torch.full_like(graph.rows, index)
        if self.config.language:
            graph.language = graph.scalars.new_zeros(len(graph.rows), self.config.language)
            if language is not None:
                graph.language = language[graph.rows].to(graph.scalars)
        return graph

    def encode(self, graph: ProteinGraph) -> Encoding:
        """Features of the backbone, for any number of sequences."""
        features, edges = self.encoder(self.with_context(graph))
        nodes = self.norm(self.entry(torch.cat([features.scalars, features.pseudoscalars], -1)))
        return Encoding(nodes, edges.scalars, edges.weight, edges.neighbors)

    def with_context(self, graph: ProteinGraph) -> ProteinGraph:
        """The graph with more scalars: of the context atoms, of the language model and of the condition."""
        points = graph.vectors[:, : BACKBONE_WIDTHS.frame]
        context = self.context(graph.context_vectors, graph.context_kinds, points)
        language = [] if self.language is None else [self.language(graph.language)]
        condition = [self._condition(graph).to(context)] if self.config.conditions else []
        extended = copy(graph)
        extended.scalars = torch.cat([graph.scalars, context, *language, *condition], 1)
        return extended

    def _condition(self, graph: ProteinGraph) -> Int[Tensor, "n c"]:
        """The condition of each node, one-hot; the first where the graph has none."""
        condition = graph.condition if "condition" in graph else torch.zeros_like(graph.rows)
        return one_hot(condition, len(self.config.conditions))

    def logits(
        self, encoding: Encoding, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]
    ) -> Float[Tensor, "n 20"]:
        """Unnormalized log-probabilities.

        Parameters
        ----------
        encoding
            The backbone.
        sequence
            Index into `chemistry.RESIDUES` of each node.
        visible
            The logits of node i depend on the identity of its neighbor j only where visible[i, j].

        Returns
        -------
        Float[Tensor, "n 20"]
            In the order of `chemistry.AMINO_ACIDS`.
        """
        identities = torch.where(visible, sequence[encoding.neighbors], NOT_VISIBLE)
        return self._decode(encoding, self.keys(encoding), identities)

    def logits_by_order(
        self, encoding: Encoding, sequences: Int[Tensor, "o n"], visible: Bool[Tensor, "o n k"]
    ) -> Float[Tensor, "o n 20"]:
        """`logits` of several orders, or sequences, on one backbone; faster than one by one."""
        orders = list(zip(sequences, visible, strict=True))
        if len(orders) == 1 or supported(sequences.device, encoding.edges.shape[2], encoding.nodes.shape[1]):
            return torch.stack([self.logits(encoding, *order) for order in orders])
        shown = sequences[0, encoding.neighbors] if bool((sequences == sequences[0]).all()) else None
        identities = torch.where(visible, sequences[:, encoding.neighbors], NOT_VISIBLE).transpose(0, 1)
        states = decode_orders(self.decoder, encoding, self.keys(encoding), identities, shown)
        logits: Tensor = self.exit(states)
        return logits.transpose(0, 1)

    def single(
        self, encoding: Encoding, sequence: Int[Tensor, "n"], shown: Bool[Tensor, "n k"], rank: Int[Tensor, "n"]
    ) -> Float[Tensor, "n 20"]:
        """`logits` of every residue given all others. `rank` has no effect: the order of the others does not matter."""
        return self.logits(encoding, sequence, shown)

    def last(
        self,
        encoding: Encoding,
        sequence: Int[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        sets: Sets,
    ) -> Float[Tensor, "m 20"]:
        """`logits` of nodes that come last. `rank` has no effect: the order of the others does not matter."""
        return last_logits(self, encoding, sequence, shown, sets)

    def start(
        self,
        encoding: Encoding,
        sequence: Int[Tensor, "n"],
        given: Bool[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        samples: int,
    ) -> IdentityDecoding:
        """Sequences to be decoded residue by residue."""
        return IdentityDecoding(self, encoding, sequence, given, shown, samples)

    def keys(self, encoding: Encoding) -> list[Float[Tensor, "n d"]]:
        """K h_j of every node in each decoder layer. It does not depend on the sequence."""
        return [cast(DecoderLayer, layer).key(encoding.nodes) for layer in self.decoder]

    def logits_of(
        self,
        encoding: Encoding,
        keys: list[Float[Tensor, "n d"]],
        rows: Int[Tensor, "r"],
        identities: Int[Tensor, "r k"],
    ) -> Float[Tensor, "r 20"]:
        """`logits` of some nodes alone.

        Parameters
        ----------
        encoding, keys
            The backbone and its `keys`.
        rows
            Nodes, each once or several times.
        identities
            Of each neighbor, as an index into `chemistry.RESIDUES`, or `NOT_VISIBLE`.
        """
        values = (encoding.nodes, encoding.edges, encoding.weight, encoding.neighbors)
        return self._decode(Encoding(*(value[rows] for value in values)), keys, identities)

    def _decode(self, queried: Encoding, keys: list[Tensor], identities: Tensor) -> Float[Tensor, "r 20"]:
        """Logits of the queried nodes, given the identities of their neighbors."""
        x = queried.nodes
        for layer, key in zip(self.decoder, keys, strict=True):
            x = layer(x, key, queried, identities)
        return self.exit(x)


class DecoderLayer(nn.Module):
    """x_i + W sum_j w_ij silu(Q x_i + K h_j + E e_ij + S[s_j if visible, else unseen]), then a transition.

    At depth 2 a message m becomes silu(V m) before the sum.
    """

    def __init__(self, hidden: int, edges: int, transition: int = 2, dropout: float = 0.0, depth: int = 1) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden, bias=False)
        self.edge = nn.Linear(edges, hidden, bias=False)
        self.identity = nn.Embedding(NOT_VISIBLE + 1, hidden)
        self.deeper = nn.Linear(hidden, hidden) if depth == 2 else None
        self.value = nn.Linear(hidden, hidden)
        self.transition = Transition(hidden, transition, dropout=dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, key: Tensor, queried: Encoding, identities: Tensor) -> Float[Tensor, "r d"]:
        rows = (self.query(self.norm(x)), queried.edges, queried.weight, identities)
        if (loops := loops_for(queried.edges, queried.edges.shape[2], x.shape[1])) is not None:
            parts = (queried.edges, rows[0], key, queried.neighbors, queried.weight, self.edge.weight, self.deeper)
            total = loops.summed_messages(*parts, self.identity.weight, identities)
            return self.transition(x + self.dropout(self.value(total)))
        (total,) = in_chunks(self._message_sum, rows, (key,), queried.neighbors, self.parameters())
        return self.transition(x + self.dropout(self.value(total)))

    def _message_sum(
        self, query: Tensor, edges: Tensor, weight: Tensor, identities: Tensor, key: Source
    ) -> tuple[Tensor]:
        """The sum over the neighbors of some nodes."""
        source = key.gather() + self.identity(identities)
        messages = activated_sum(source, edges, self.edge.weight, query)
        if self.deeper is not None:
            messages = silu(self.deeper(messages))
        return (neighbor_sum(weight, messages),)


def order_visibility(graph: ProteinGraph, rank: Float[Tensor, "n"]) -> Bool[Tensor, "n k"]:
    """Which neighbors come before a residue when residues are decoded by increasing rank."""
    return graph.neighbor_mask & (rank[graph.neighbors] < rank[:, None])
