"""Decoding of some nodes at a time, each in a sequence of its own, with the states of those decoded before."""

from __future__ import annotations

from typing import Any, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.nn.chunks import slices
from protein_enn.tasks.decoding import Sets
from protein_enn.tasks.mpnn.encoding import Encoding, pieces_of
from protein_enn.tasks.mpnn.layers import DecoderLayer, gathered

TOGETHER = 128
"""Nodes of sets that are moved to the end of the order side by side."""


class Layers:
    """The decoder's layers on one backbone, with what no sequence changes: W2 e_ij and W3 h_j of encoded neighbours."""

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
            messages = block.messages.joined(target[r], edges[at], gathered(sources, index[r]))
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
    or a node that changed, and that its nodes look at through the layers that are left: some 70 of 3 n for one node.
    """
    layers = Layers(model, encoding, shown)
    visible = layers.shown & (rank[encoding.neighbors] < rank[:, None])
    base = layers.base(sequence, visible)
    count = int(sets.of[-1]) + 1 if len(sets.of) else 0
    sizes, found, start = sets.of.bincount(minlength=count).cumsum(0).tolist(), [], 0
    first = 0
    while first < count:
        after = first + 1
        while after < count and sizes[after] - start <= TOGETHER:
            after += 1
        part = slice(start, sizes[after - 1])
        chosen = Sets(sets.of[part] - first, sets.nodes[part], sets.identities[part], sets.turns[part])
        found.append(_moved(layers, base, visible, sequence, rank, chosen, after - first))
        first, start = after, sizes[after - 1]
    return torch.cat(found) if found else encoding.nodes.new_zeros(0, 20)


def _moved(
    layers: Layers,
    base: tuple[list[Float[Tensor, "n d"]], list[Float[Tensor, "n d"]]],
    visible: Bool[Tensor, "n k"],
    sequence: Int[Tensor, "n"],
    rank: Int[Tensor, "n"],
    sets: Sets,
    count: int,
) -> Float[Tensor, "m 20"]:
    """`last_logits` of a few sets."""
    (states, shows), neighbors, n = base, layers.encoding.neighbors, len(sequence)
    when, identity = rank.repeat(count, 1), sequence.repeat(count, 1)
    when[sets.of, sets.nodes], identity[sets.of, sets.nodes] = n + sets.turns, sets.identities
    wanted = _wanted(layers, visible, when)
    of, rows = wanted[0].nonzero(as_tuple=True)
    now = layers.encoding.nodes[rows]  # states of the nodes `rows` of the sets `of`
    for layer in range(len(layers.layers)):
        place = torch.full_like(when, -1)
        place[of, rows] = torch.arange(len(rows), device=rows.device)
        anew = layers.decoded(layer, now, identity[of, rows])
        sources = torch.cat([layers.encoded[layer], shows[layer], anew])
        old = states[layer]
        of, rows = wanted[layer + 1].nonzero(as_tuple=True)
        j = neighbors[rows]
        seen = layers.shown[rows] & (when[of[:, None], j] < when[of, rows][:, None])
        theirs, own = place[of[:, None], j], place[of, rows]
        index = torch.where(seen, torch.where(theirs < 0, j + n, theirs + 2 * n), j)
        before = torch.where((own < 0)[:, None], old[rows], now[own.clamp(min=0)])
        now = layers.advanced(layer, rows, before, sources, index)
    place = torch.empty_like(when)
    place[of, rows] = torch.arange(len(rows), device=rows.device)
    logits: Tensor = layers.model.read(now[place[sets.of, sets.nodes]])
    return logits


def _wanted(layers: Layers, visible: Bool[Tensor, "n k"], when: Int[Tensor, "q n"]) -> list[Bool[Tensor, "q n"]]:
    """Nodes to be decoded anew for each set, before the first layer and after each one."""
    neighbors, n = layers.encoding.neighbors, when.shape[1]
    members = when >= n
    changed = [members]
    for _ in layers.layers[1:]:
        saw = (changed[-1][:, neighbors] & visible).any(2)
        changed.append(changed[-1] | saw)
    wanted = [members]
    for kind in reversed(changed):
        of, rows = wanted[0].nonzero(as_tuple=True)
        j = neighbors[rows]
        seen = layers.shown[rows] & (when[of[:, None], j] < when[of, rows][:, None])
        looked = wanted[0].clone()
        looked[of[:, None].expand_as(j)[seen], j[seen]] = True
        wanted.insert(0, (looked & kind) | members)
    return wanted
