"""Which chains make a step: one of each cluster in an epoch, batches by a budget of residues, never padding.

Everything is drawn from (seed, epoch): a run that stops and goes on sees the same batches.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import torch

from protein_enn.data.store import Record


def seeded(*parts: int | str) -> torch.Generator:
    """A generator whose stream depends on nothing but the parts."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class ResidueBudget:
    """Batches of (epoch, record number): each holds at most `budget` residues after cropping to `crop`.

    In an epoch every cluster gives one member, drawn at random; pairs of a real model, or of one on a template, and its
    native have clusters of their own, drawn from as often as needed to make up `pair_share` and `template_share`.
    `clusters` is the share of them that is used: a smaller share is a part of a larger one. Designed backbones, whose
    sequence is not known, make up `designed_share`. Where `usable` is given, no other records are drawn.
    """

    def __init__(
        self,
        records: Sequence[Record],
        split: str,
        *,
        budget: int,
        crop: int,
        seed: int,
        pair_share: float = 0.0,
        template_share: float = 0.0,
        designed_share: float = 0.0,
        usable: Container[int] | None = None,
        clusters: float = 1.0,
        start: int = 0,
        place: tuple[int, int] = (0, 1),
    ) -> None:
        self.budget, self.crop, self.seed = budget, min(crop, budget), seed
        self.shares = {"pair": pair_share, "template": template_share, "designed": designed_share}
        self.lengths = [min(r.length, self.crop) for r in records]
        members: dict[str, dict[str, list[int]]] = {"native": {}, **{kind: {} for kind in self.shares}}
        for i, record in enumerate(records):
            if record.split == split and (usable is None or i in usable):
                members[record.kind].setdefault(record.cluster, []).append(i)
        self.members = {kind: _share(chains, clusters, seed) for kind, chains in members.items()}
        self.natives = self.members["native"]
        if not self.natives:
            raise ValueError(f"the store has no chain in split {split!r}")
        self.start, self.place = start, place

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Epoch after epoch without end, from step `start` of the run: of each `place[1]` batches number `place[0]`."""
        endless = itertools.chain.from_iterable(self.batches(epoch) for epoch in itertools.count())
        rank, world = self.place
        return itertools.islice(endless, self.start * world + rank, None, world)

    def batches(self, epoch: int) -> list[list[tuple[int, int]]]:
        """All batches of an epoch."""
        generator = seeded("batches", self.seed, epoch)

        def draw(clusters: dict[str, list[int]]) -> list[int]:
            return [m[int(torch.randint(len(m), (), generator=generator))] for m in clusters.values()]

        chosen = draw(self.natives)
        natives = len(chosen) / max(1 - sum(self.shares.values()), 1e-6)
        for kind, share in self.shares.items():
            wanted, drawn = round(natives * share), list[int]()
            while self.members[kind] and len(drawn) < wanted:  # fewer clusters than that give further members
                some = draw(self.members[kind])
                order = torch.randperm(len(some), generator=generator).tolist()
                drawn += [some[i] for i in order]
            chosen += drawn[:wanted]
        order = torch.randperm(len(chosen), generator=generator).tolist()
        batches, opened = list[list[tuple[int, int]]](), list[_Batch]()
        for i in (chosen[j] for j in order):
            length = self.lengths[i]
            fitting = [b for b in opened if b.residues + length <= self.budget]
            if fitting:
                fullest = max(fitting, key=lambda b: b.residues)
            else:
                if len(opened) == OPEN:
                    done = max(opened, key=lambda b: b.residues)
                    opened.remove(done)
                    batches.append(done.items)
                fullest = _Batch([], 0)
                opened.append(fullest)
            fullest.items.append((epoch, i))
            fullest.residues += length
        batches += [b.items for b in opened]
        return batches


OPEN = 8
"""Batches that are filled at once: a chain goes into the fullest that has room, so that all are nearly full.

Processes that make a step together then wait little for each other."""


@dataclass
class _Batch:
    """(epoch, record number) of its chains, and how many residues they have."""

    items: list[tuple[int, int]]
    residues: int


def _share(members: dict[str, list[int]], share: float, seed: int) -> dict[str, list[int]]:
    """A share of the clusters, rounded up, drawn from the seed."""
    names = list(members)
    order = torch.randperm(len(names), generator=seeded("clusters", seed)).tolist()
    chosen = {names[i] for i in order[: math.ceil(share * len(names))]}
    return {name: rows for name, rows in members.items() if name in chosen}
