"""Clusters of similar chains, splits that respect them, and the check that nothing leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from protein_enn.data.store import Record

WORD = 5


def cluster_by_words(sequences: Sequence[str], share: float = 0.3) -> list[int]:
    """Greedy clustering: a sequence joins the first longer one with which it shares `share` of its 5-letter words.

    A coarse stand-in for mmseqs2 where a user brings plain files; quadratic, meant for some thousand chains.
    """
    words = [{s[i : i + WORD] for i in range(max(1, len(s) - WORD + 1))} for s in sequences]
    order = sorted(range(len(sequences)), key=lambda i: (-len(sequences[i]), i))
    cluster = [-1] * len(sequences)
    representatives: list[int] = []
    for i in order:
        for r in representatives:
            if len(words[i] & words[r]) >= share * len(words[i]):
                cluster[i] = cluster[r]
                break
        else:
            cluster[i] = len(representatives)
            representatives.append(i)
    return cluster


def split_of(cluster: str, valid_fraction: float, seed: int) -> str:
    """train or val, by a hash of the cluster: the same whatever else is in the set."""
    digest = hashlib.sha256(f"{seed}:{cluster}".encode()).digest()
    return "val" if int.from_bytes(digest[:8], "big") < valid_fraction * 2**64 else "train"


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
