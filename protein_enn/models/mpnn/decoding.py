"""Decoding of some nodes at a time, each in a sequence of its own, with the states of the nodes decoded before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.models.decoding import Sets
from protein_enn.models.mpnn.encoding import Encoding, pieces_of
from protein_enn.models.mpnn.layers import DecoderLayer, gather
from protein_enn.nn.chunks import slices

BATCH_NODES = 128
"""Nodes of sets that are moved to the end of the order together."""


class Layers:
    """The layers of the decoder on one backbone, with the terms that no sequence changes: W2 e_ij and W3 h_j."""

    def __init__(self, model: Any, encoding: Encoding, shown: Bool[Tensor, "n k"]) -> None:
        self.model, self.encoding = model, encoding
        self.layers = cast("list[DecoderLayer]", list(model.decoder))
        self.shown = torch.cat([torch.zeros_like(shown[:, :1]), shown], 1)  # no node depends on itself decoded
        self.edges = [layer.messages.edge(encoding.edges) for layer in self.layers]
        self.encoded = [layer.messages.source(encoding.nodes) for layer in self.layers]

    def decoded_sources(
        self, layer: int, states: Float[Tensor, "p d"], identities: Int[Tensor, "p"]
    ) -> Float[Tensor, "p d"]:
        """The term of decoded nodes in the messages of a layer, given their states before it."""
        identity = self.model.identity(self.model.letters[identities])
        return self.layers[layer].messages.source(states) + self.layers[layer].identity(identity)

    def states_after(
        self,
        layer: int,
        rows: Int[Tensor, "p"],
        states: Float[Tensor, "p d"],
        sources: Float[Tensor, "m d"],
        index: Int[Tensor, "p k"],
    ) -> Float[Tensor, "p d"]:
        """States of some nodes after a layer.

        Parameters
        ----------
        layer
            Number of the layer.
        rows
            Nodes, each once or several times.
        states
            Their states before the layer.
        sources
            Terms of their neighbors in the messages.
        index
            The row of `sources` of each neighbor.
        """
        block, edges = self.layers[layer], self.edges[layer]
        target, sums = block.messages.target(states), []
        for r in slices(len(rows), pieces_of(states)):
            nodes = rows[r]
            messages = block.messages.combine(target[r], edges.index_select(0, nodes), gather(sources, index[r]))
            sums.append(block.messages.weighted_sum(self.encoding.weight[nodes], messages))
        return block.states(states, torch.cat(sums), self.encoding.weight[rows]) if sums else states

    def in_one_order(
        self, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]
    ) -> tuple[list[Float[Tensor, "n d"]], list[Float[Tensor, "n d"]]]:
        """States before each layer, and the terms of decoded nodes in it, when all are decoded in one order."""
        rows = torch.arange(len(sequence), device=sequence.device)
        index = torch.where(visible, self.encoding.neighbors + len(rows), self.encoding.neighbors)
        states, decoded = [self.encoding.nodes], []
        for layer in range(len(self.layers)):
            decoded.append(self.decoded_sources(layer, states[-1], sequence))
            if layer + 1 < len(self.layers):
                sources = torch.cat([self.encoded[layer], decoded[-1]])
                states.append(self.states_after(layer, rows, states[-1], sources, index))
        return states, decoded


class StateDecoding:
    """Sequences decoded node by node, with the states of the decoded nodes."""

    def __init__(
        self,
        model: Any,
        encoding: Encoding,
        sequence: Int[Tensor, "n"],
        given: Bool[Tensor, "n"],
        shown: Bool[Tensor, "n k"],
        rank: Int[Tensor, "n"],
        samples: int,
    ) -> None:
        self._layers, self._n = Layers(model, encoding, shown), len(sequence)
        neighbors = encoding.neighbors
        visible = self._layers.shown & given[neighbors] & (rank[neighbors] < rank[:, None])
        _, decoded = self._layers.in_one_order(sequence, visible)  # valid for given nodes, which depend on given ones
        parts = zip(self._layers.encoded, decoded, strict=True)
        self._sources = [torch.cat([encoded, term.repeat(samples, 1)]) for encoded, term in parts]
        self._is_decoded = given.repeat(samples, 1)

    def logits(self, samples: Int[Tensor, "r"], rows: Int[Tensor, "r"]) -> Float[Tensor, "r 20"]:
        """Logits of nodes of samples, given the nodes decoded so far."""
        neighbors = self._layers.encoding.neighbors[rows]
        visible = self._layers.shown[rows] & self._is_decoded[samples[:, None], neighbors]
        index = torch.where(visible, neighbors + (samples[:, None] + 1) * self._n, neighbors)
        states = [self._layers.encoding.nodes[rows]]
        for layer, sources in enumerate(self._sources):
            states.append(self._layers.states_after(layer, rows, states[-1], sources, index))
        self._last, self._states = (samples, rows), states
        logits: Tensor = self._layers.model.output_logits(states[-1])
        return logits

    def place(self, identities: Int[Tensor, "r"]) -> None:
        """Sets the identities of the nodes of the last call of `logits`; later nodes depend on their states."""
        samples, rows = self._last
        nodes = rows + (samples + 1) * self._n
        for layer, sources in enumerate(self._sources):
            sources[nodes] = self._layers.decoded_sources(layer, self._states[layer], identities)
        self._is_decoded[samples, rows] = True


def last_logits(
    model: Any,
    encoding: Encoding,
    sequence: Int[Tensor, "n"],
    shown: Bool[Tensor, "n k"],
    rank: Int[Tensor, "n"],
    sets: Sets,
) -> Float[Tensor, "m 20"]:
    """Logits of nodes that are moved, set by set, to the end of a decoding order.

    All others are decoded once in that order. For a set a node is decoded again only if its state can have changed,
    because it depends on a node of the set, and if a node of the set depends on that node: about 50 of 3 n states.

    Parameters
    ----------
    model, encoding
        A model, and a backbone that it has encoded.
    sequence
        Identities of all nodes.
    shown
        Neighbors whose identity may be used.
    rank
        Position of each node in the order.
    sets
        The nodes.

    Returns
    -------
    Float[Tensor, "m 20"]
        In the order of `sets`.
    """
    layers = Layers(model, encoding, shown)
    unchanged = layers.in_one_order(sequence, layers.shown & (rank[encoding.neighbors] < rank[:, None]))
    logits = []
    for part in _batches(sets):
        moved = _MovedSets(layers, rank, sequence, Sets(*(getattr(sets, f.name)[part] for f in fields(Sets))))
        logits.append(model.output_logits(moved.states(unchanged)))
    return torch.cat(logits) if logits else encoding.nodes.new_zeros(0, 20)


def _batches(sets: Sets) -> Iterator[slice]:
    """Whole sets, in their order, of about `BATCH_NODES` nodes."""
    ends = sets.of.bincount().cumsum(0).tolist()
    start = 0
    for end, following in zip(ends, [*ends[1:], None], strict=True):
        if following is None or following - start > BATCH_NODES:
            yield slice(start, end)
            start = end


class _MovedSets:
    """A few sets whose nodes come last. The key of a node in a set is set * n + node; lists of keys are sorted."""

    def __init__(self, layers: Layers, rank: Int[Tensor, "n"], sequence: Int[Tensor, "n"], sets: Sets) -> None:
        self.layers, self.rank, self.sequence, self.n = layers, rank, sequence, len(rank)
        of = sets.of - sets.of[0]
        self.members, order = (of * self.n + sets.nodes).sort()
        self.input_order = order.argsort()  # from members to the order of `sets`
        self.ranks, self.identities = sets.ranks[order], sets.identities[order]
        first = rank.new_full((int(of[-1]) + 1,), self.n)
        self.first = first.scatter_reduce(0, of, rank[sets.nodes], "amin")  # nodes before it do not change

    def positions(self, keys: Int[Tensor, "*p"]) -> Int[Tensor, "*p"]:
        """Position of nodes in the order of their set."""
        index = _index_in(self.members, keys)
        return torch.where(index < 0, self.rank[keys % self.n], self.n + self.ranks[index])

    def neighbors(self, keys: Int[Tensor, "p"]) -> tuple[Int[Tensor, "p k"], Bool[Tensor, "p k"]]:
        """Keys of the neighbors of nodes, and which of them are decoded before."""
        rows = keys % self.n
        near = (keys - rows)[:, None] + self.layers.encoding.neighbors[rows]
        return near, self.layers.shown[rows] & (self.positions(near) < self.positions(keys)[:, None])

    def changed_nodes(self) -> list[Int[Tensor, "_"]]:
        """Nodes to be decoded again: before the first layer only members of the sets, then after each layer."""
        by_layer = [self.members]
        for layer in reversed(range(1, len(self.layers.layers))):
            near, visible = self.neighbors(by_layer[0])
            keys = torch.cat([by_layer[0], near[visible]]).unique()
            changed = self.rank[keys % self.n] > self.first[keys // self.n]
            if layer == 1:  # only nodes that depended on a member have changed
                changed &= self.depended_on_members(keys)
            by_layer.insert(0, keys[changed | (_index_in(self.members, keys) >= 0)])
        return [self.members, *by_layer]

    def depended_on_members(self, keys: Int[Tensor, "p"]) -> Bool[Tensor, "p"]:
        """Whether a member of its set was decoded before a node, and visible to it, in the original order."""
        rows = keys % self.n
        near = self.layers.encoding.neighbors[rows]
        visible = self.layers.shown[rows] & (self.rank[near] < self.rank[rows][:, None])
        return (visible & (_index_in(self.members, (keys - rows)[:, None] + near) >= 0)).any(1)

    def states(self, unchanged: tuple[list[Float[Tensor, "n d"]], list[Float[Tensor, "n d"]]]) -> Float[Tensor, "m d"]:
        """The last states of the members; `unchanged` are states and terms in the original order."""
        by_layer = self.changed_nodes()
        states = self.layers.encoding.nodes[self.members % self.n]
        for layer, (old, decoded) in enumerate(zip(*unchanged, strict=True)):
            keys, following = by_layer[layer], by_layer[layer + 1]
            member = _index_in(self.members, keys)
            identities = torch.where(member < 0, self.sequence[keys % self.n], self.identities[member])
            changed = self.layers.decoded_sources(layer, states, identities)
            sources = torch.cat([self.layers.encoded[layer], decoded, changed])
            rows, (near, visible) = following % self.n, self.neighbors(following)
            node, new, own = near % self.n, _index_in(keys, near), _index_in(keys, following)
            index = torch.where(visible, torch.where(new < 0, node + self.n, new + 2 * self.n), node)
            before = torch.where((own < 0)[:, None], old[rows], states[own])
            states = self.layers.states_after(layer, rows, before, sources, index)
        return states[self.input_order]


def _index_in(keys: Int[Tensor, "m"], queries: Int[Tensor, "*p"]) -> Int[Tensor, "*p"]:
    """Index of each query in a sorted list; -1 where it is missing."""
    index = torch.searchsorted(keys, queries.contiguous()).clamp(max=len(keys) - 1)
    return torch.where(keys[index] == queries, index, -1)
