"""Decoding of some nodes at a time, each in a sequence of its own, with the states of those decoded before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.models.decoding import Sets
from protein_enn.models.mpnn.encoding import Encoding, pieces_of
from protein_enn.models.mpnn.layers import DecoderLayer, gathered
from protein_enn.nn.chunks import slices

TOGETHER = 128
"""Nodes of sets that are moved to the end of the order side by side."""


class Layers:
    """The decoder's layers on one backbone, with what no sequence changes: W2 e_ij and W3 h_j of encoded neighbors."""

    def __init__(self, model: Any, encoding: Encoding, shown: Bool[Tensor, "n k"]) -> None:
        self.model, self.encoding = model, encoding
        self.layers = cast("list[DecoderLayer]", list(model.decoder))
        self.shown = torch.cat([torch.zeros_like(shown[:, :1]), shown], 1)  # nobody sees itself decoded
        self.edges = [layer.messages.edge(encoding.edges) for layer in self.layers]
        self.encoded = [layer.messages.source(encoding.nodes) for layer in self.layers]

    def decoded(self, layer: int, states: Float[Tensor, "p d"], identities: Int[Tensor, "p"]) -> Float[Tensor, "p d"]:
        """What decoded nodes show to others in a layer, given their states before it."""
        who = self.model.identity(self.model.letters[identities])
        return self.layers[layer].messages.source(states) + self.layers[layer].identity(who)

    def advanced(
        self,
        layer: int,
        rows: Int[Tensor, "p"],
        states: Float[Tensor, "p d"],
        sources: Float[Tensor, "m d"],
        index: Int[Tensor, "p k"],
    ) -> Float[Tensor, "p d"]:
        """States after a layer of nodes `rows`, one of which may come several times; `index` points into `sources`."""
        block, edges = self.layers[layer], self.edges[layer]
        target, sums = block.messages.target(states), []
        for r in slices(len(rows), pieces_of(states)):
            at = rows[r]
            messages = block.messages.joined(target[r], edges.index_select(0, at), gathered(sources, index[r]))
            sums.append(block.messages.summed(self.encoding.weight[at], messages))
        return block.states(states, torch.cat(sums), self.encoding.weight[rows]) if sums else states

    def base(
        self, sequence: Int[Tensor, "n"], visible: Bool[Tensor, "n k"]
    ) -> tuple[list[Float[Tensor, "n d"]], list[Float[Tensor, "n d"]]]:
        """States before each layer, and what decoded nodes show in it, when all are decoded in one order."""
        rows = torch.arange(len(sequence), device=sequence.device)
        index = torch.where(visible, self.encoding.neighbors + len(rows), self.encoding.neighbors)
        states, shows = [self.encoding.nodes], []
        for layer in range(len(self.layers)):
            shows.append(self.decoded(layer, states[-1], sequence))
            if layer + 1 < len(self.layers):
                sources = torch.cat([self.encoded[layer], shows[-1]])
                states.append(self.advanced(layer, rows, states[-1], sources, index))
        return states, shows


class StateDecoding:
    """Sequences that remember the states of the nodes that are decoded."""

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
        _, shows = self._layers.base(sequence, visible)  # right for given nodes, which see given ones alone
        parts = zip(self._layers.encoded, shows, strict=True)
        self._sources = [torch.cat([encoded, show.repeat(samples, 1)]) for encoded, show in parts]
        self._there = given.repeat(samples, 1)

    def logits(self, samples: Int[Tensor, "r"], rows: Int[Tensor, "r"]) -> Float[Tensor, "r 20"]:
        """Of nodes of samples, given what is decoded by now."""
        neighbors = self._layers.encoding.neighbors[rows]
        visible = self._layers.shown[rows] & self._there[samples[:, None], neighbors]
        index = torch.where(visible, neighbors + (samples[:, None] + 1) * self._n, neighbors)
        states = [self._layers.encoding.nodes[rows]]
        for layer, sources in enumerate(self._sources):
            states.append(self._layers.advanced(layer, rows, states[-1], sources, index))
        self._asked, self._states = (samples, rows), states
        logits: Tensor = self._layers.model.read(states[-1])
        return logits

    def place(self, identities: Int[Tensor, "r"]) -> None:
        """Settles the nodes whose logits were asked for last: later ones see their states."""
        samples, rows = self._asked
        at = rows + (samples + 1) * self._n
        for layer, sources in enumerate(self._sources):
            sources[at] = self._layers.decoded(layer, self._states[layer], identities)
        self._there[samples, rows] = True


def last_logits(
    model: Any,
    encoding: Encoding,
    sequence: Int[Tensor, "n"],
    shown: Bool[Tensor, "n k"],
    rank: Int[Tensor, "n"],
    sets: Sets,
) -> Float[Tensor, "m 20"]:
    """Logits of nodes that are moved, set by set, from the order `rank` to its end.

    All others are decoded once in that order. Of them only those are decoded anew for a set that saw one of its nodes,
    or may have seen one that did, and that its nodes look at through the layers that are left: some 50 of 3 n.
    """
    layers = Layers(model, encoding, shown)
    base = layers.base(sequence, layers.shown & (rank[encoding.neighbors] < rank[:, None]))
    found = []
    for part in _batches(sets):
        moved = _Moved(layers, rank, sequence, Sets(*(getattr(sets, f.name)[part] for f in fields(Sets))))
        found.append(model.read(moved.states(base)))
    return torch.cat(found) if found else encoding.nodes.new_zeros(0, 20)


def _batches(sets: Sets) -> Iterator[slice]:
    """Whole sets, in their order, of about `TOGETHER` nodes."""
    ends = sets.of.bincount().cumsum(0).tolist()
    start = 0
    for end, after in zip(ends, [*ends[1:], None], strict=True):
        if after is None or after - start > TOGETHER:
            yield slice(start, end)
            start = end


class _Moved:
    """A few sets whose nodes come last. A node of a set is named by one number, set * n + node; lists are sorted."""

    def __init__(self, layers: Layers, rank: Int[Tensor, "n"], sequence: Int[Tensor, "n"], sets: Sets) -> None:
        self.layers, self.rank, self.sequence, self.n = layers, rank, sequence, len(rank)
        of = sets.of - sets.of[0]
        names = of * self.n + sets.nodes
        self.members, order = names.sort()
        self.back = order.argsort()  # from members to nodes as they were given
        self.turns, self.identities = sets.turns[order], sets.identities[order]
        first = rank.new_full((int(of[-1]) + 1,), self.n)
        self.first = first.scatter_reduce(0, of, rank[sets.nodes], "amin")  # whoever comes before it changes nothing

    def when(self, names: Int[Tensor, "*p"]) -> Int[Tensor, "*p"]:
        """Place in the order of the set."""
        at = _place(self.members, names)
        return torch.where(at < 0, self.rank[names % self.n], self.n + self.turns[at])

    def view(self, names: Int[Tensor, "p"]) -> tuple[Int[Tensor, "p k"], Bool[Tensor, "p k"]]:
        """The neighbors of nodes by name, and which of them are decoded before."""
        rows = names % self.n
        theirs = (names - rows)[:, None] + self.layers.encoding.neighbors[rows]
        return theirs, self.layers.shown[rows] & (self.when(theirs) < self.when(names)[:, None])

    def wanted(self) -> list[Int[Tensor, "_"]]:
        """Nodes to be decoded anew before the first layer, where it is the sets' own alone, and after each one."""
        wanted = [self.members]
        for layer in reversed(range(1, len(self.layers.layers))):
            theirs, seen = self.view(wanted[0])
            names = torch.cat([wanted[0], theirs[seen]]).unique()
            changed = self.rank[names % self.n] > self.first[names // self.n]
            if layer == 1:  # where only who saw one of the sets' own has changed
                changed &= self.saw(names)
            wanted.insert(0, names[changed | (_place(self.members, names) >= 0)])
        return [self.members, *wanted]

    def saw(self, names: Int[Tensor, "p"]) -> Bool[Tensor, "p"]:
        """Whether a node saw one of its set before that was moved."""
        rows = names % self.n
        near = self.layers.encoding.neighbors[rows]
        visible = self.layers.shown[rows] & (self.rank[near] < self.rank[rows][:, None])
        return (visible & (_place(self.members, (names - rows)[:, None] + near) >= 0)).any(1)

    def states(self, base: tuple[list[Float[Tensor, "n d"]], list[Float[Tensor, "n d"]]]) -> Float[Tensor, "m d"]:
        """The last states of the sets' own nodes; `base` are states and what they show when no node is moved."""
        wanted, nodes = self.wanted(), self.layers.encoding.nodes
        now = nodes[self.members % self.n]
        for layer, (old, show) in enumerate(zip(*base, strict=True)):
            names = wanted[layer]
            at = _place(self.members, names)
            identities = torch.where(at < 0, self.sequence[names % self.n], self.identities[at])
            sources = torch.cat([self.layers.encoded[layer], show, self.layers.decoded(layer, now, identities)])
            after = wanted[layer + 1]
            rows, (theirs, seen) = after % self.n, self.view(after)
            near, anew, own = theirs % self.n, _place(names, theirs), _place(names, after)
            index = torch.where(seen, torch.where(anew < 0, near + self.n, anew + 2 * self.n), near)
            before = torch.where((own < 0)[:, None], old[rows], now[own])
            now = self.layers.advanced(layer, rows, before, sources, index)
        return now[self.back]


def _place(names: Int[Tensor, "m"], asked: Int[Tensor, "*p"]) -> Int[Tensor, "*p"]:
    """Where each is in a sorted list; -1 for what is not there."""
    at = torch.searchsorted(names, asked.contiguous()).clamp(max=len(names) - 1)
    return torch.where(names[at] == asked, at, -1)
