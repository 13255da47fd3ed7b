"""Which chains make a step: one of each cluster in an epoch, batches by a budget of residues, never padding.

Everything is drawn from (seed, epoch): a run that is resumed takes the same batches.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import torch

from protein_enn.data.store import Record


def seeded_generator(*parts: int | str) -> torch.Generator:
    """A random generator for a purpose.

    Parameters
    ----------
    parts
        What the stream depends on: a name and numbers, such as the seed and the epoch.

    Returns
    -------
    torch.Generator
        On the CPU, with a stream that depends on nothing but the parts.

    Examples
    --------
    >>> import torch
    >>> draws = [torch.rand((), generator=seeded_generator("batches", 0, epoch)) for epoch in (1, 1, 2)]
    >>> bool(draws[0] == draws[1]), bool(draws[0] == draws[2])
    (True, False)
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


class ResidueBudget:
    """Batches of (epoch, record number). In an epoch every cluster gives one member, drawn at random.

    Pairs of a native and its model, real or on a template, have clusters of their own. So do designed backbones, whose
    sequence is not known. These clusters are drawn from as often as needed.

    Parameters
    ----------
    records
        Of a store.
    split
        Which of them: train, val or test.
    budget
        Residues in a batch at most.
    crop
        Residues of a chain at most; a longer one counts as cropped.
    seed
        Of all draws.
    pair_fraction, template_fraction, designed_fraction
        Fractions of the examples that are real models, models on a template, and designed backbones.
    usable
        Numbers of the records that may be drawn; all by default.
    clusters
        Fraction of the clusters that is used; those of a smaller fraction are among those of a larger one.
    start
        Step of the run from which batches are given.
    process
        (rank, number of processes): each process gets its own batches.

    Raises
    ------
    ValueError
        No native chain is in the split.
    """

    def __init__(
        self,
        records: Sequence[Record],
        split: str,
        *,
        budget: int,
        crop: int,
        seed: int,
        pair_fraction: float = 0.0,
        template_fraction: float = 0.0,
        designed_fraction: float = 0.0,
        usable: Container[int] | None = None,
        clusters: float = 1.0,
        start: int = 0,
        process: tuple[int, int] = (0, 1),
    ) -> None:
        self.budget, self.crop, self.seed = budget, min(crop, budget), seed
        self.fractions = {"pair": pair_fraction, "template": template_fraction, "designed": designed_fraction}
        self.lengths = [min(r.length, self.crop) for r in records]
        members: dict[str, dict[str, list[int]]] = {"native": {}, **{kind: {} for kind in self.fractions}}
        for i, record in enumerate(records):
            if record.split == split and (usable is None or i in usable):
                members[record.kind].setdefault(record.cluster, []).append(i)
        self.members = {kind: _drawn_clusters(chains, clusters, seed) for kind, chains in members.items()}
        self.natives = self.members["native"]
        if not self.natives:
            raise ValueError(f"the store has no chain in split {split!r}")
        self.start, self.process = start, process

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Epoch after epoch without end, from step `start` of the run: of each `world` batches number `rank`."""
        endless = itertools.chain.from_iterable(self.batches(epoch) for epoch in itertools.count())
        rank, world = self.process
        return itertools.islice(endless, self.start * world + rank, None, world)

    def batches(self, epoch: int) -> list[list[tuple[int, int]]]:
        """All batches of an epoch."""
        generator = seeded_generator("batches", self.seed, epoch)

        def draw(clusters: dict[str, list[int]]) -> list[int]:
            return [m[int(torch.randint(len(m), (), generator=generator))] for m in clusters.values()]

        chosen = draw(self.natives)
        total = len(chosen) / max(1 - sum(self.fractions.values()), 1e-6)
        for kind, fraction in self.fractions.items():
            count, drawn = round(total * fraction), list[int]()
            while self.members[kind] and len(drawn) < count:  # fewer clusters than that give further members
                some = draw(self.members[kind])
                order = torch.randperm(len(some), generator=generator).tolist()
                drawn += [some[i] for i in order]
            chosen += drawn[:count]
        order = torch.randperm(len(chosen), generator=generator).tolist()
        batches, unfinished = list[list[tuple[int, int]]](), list[_Batch]()
        for i in (chosen[j] for j in order):
            length = self.lengths[i]
            fitting = [b for b in unfinished if b.residues + length <= self.budget]
            if fitting:
                fullest = max(fitting, key=lambda b: b.residues)
            else:
                if len(unfinished) == UNFINISHED:
                    done = max(unfinished, key=lambda b: b.residues)
                    unfinished.remove(done)
                    batches.append(done.items)
                fullest = _Batch([], 0)
                unfinished.append(fullest)
            fullest.items.append((epoch, i))
            fullest.residues += length
        batches += [b.items for b in unfinished]
        return batches


UNFINISHED = 8
"""Batches that are filled at once: a chain goes into the fullest that it fits into, so that all are nearly full.

Processes that make a step together then wait little for each other."""


@dataclass
class _Batch:
    """(epoch, record number) of its chains, and how many residues they have."""

    items: list[tuple[int, int]]
    residues: int


def _drawn_clusters(members: dict[str, list[int]], fraction: float, seed: int) -> dict[str, list[int]]:
    """A fraction of the clusters, rounded up, drawn from the seed."""
    names = list(members)
    order = torch.randperm(len(names), generator=seeded_generator("clusters", seed)).tolist()
    chosen = {names[i] for i in order[: math.ceil(fraction * len(names))]}
    return {name: rows for name, rows in members.items() if name in chosen}
