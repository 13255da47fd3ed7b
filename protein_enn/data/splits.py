"""Splits that respect clusters, and the checks that nothing leaks from one to the other."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from protein_enn.data.clusters import Clustering
from protein_enn.data.kmers import proposals
from protein_enn.data.store import Record
from protein_enn.metrics.alignment import Homology, homology


def split_of(cluster: str, valid_fraction: float, seed: int) -> str:
    """train or val, by a hash of the cluster: the same whatever else is in the set."""
    return "val" if _lot(cluster, seed) < valid_fraction else "train"


def _lot(cluster: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{cluster}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def splits_of(
    clusters: Sequence[str],
    valid_fraction: float,
    seed: int,
    known: Collection[str] = (),
    at_least_one: bool = False,
) -> dict[str, str]:
    """train or val of each cluster; `known` ones are for training, and training always has one.

    Each of the others is drawn by itself; with `at_least_one` their share of all clusters, one at least, is taken.
    """
    names = list(dict.fromkeys(clusters))
    free = sorted((name for name in names if name not in known), key=lambda name: _lot(name, seed))
    if at_least_one and valid_fraction > 0:
        held = set(free[: min(max(1, round(valid_fraction * len(names))), len(names) - 1)])
    else:
        held = {name for name in free if split_of(name, valid_fraction, seed) == "val"}
    if len(held) == len(names):
        held = set()
    return {name: "val" if name in held else "train" for name in names}


def check_leaks(records: Sequence[Record]) -> None:
    """ValueError naming the first cluster that stands in more than one split."""
    seen: dict[str, tuple[str, str]] = {}
    for record in records:
        split, name = seen.setdefault(record.cluster, (record.split, record.name))
        if split != record.split:
            raise ValueError(
                f"cluster {record.cluster} is in {split} ({name}) and in {record.split} ({record.name}): "
                "a split must hold whole clusters"
            )


def related_across(
    records: Sequence[Record], sequences: Sequence[str], clustering: Clustering
) -> Iterator[tuple[int, int, Homology]]:
    """Records (train, val) of native chains that are related, whatever the clusters say: found by words and aligned."""
    natives = [i for i, record in enumerate(records) if record.kind == "native"]
    sides = [int(records[i].split == "val") for i in natives]
    for a, b in proposals([sequences[i] for i in natives], sides):
        i, j = natives[a], natives[b]
        found = homology(sequences[i], sequences[j])
        if found is not None and found.related(clustering.identity, clustering.coverage):
            yield (j, i, found) if records[i].split == "val" else (i, j, found)


def moved_to_train(records: Sequence[Record], clusters: Collection[str]) -> list[Record]:
    """The records with these clusters, and the models on their relatives, in train."""
    names = {*clusters, *(f"template {name}" for name in clusters)}
    return [replace(record, split="train") if record.cluster in names else record for record in records]
