"""Splits of whole clusters, and the check that nothing leaks from one to the other."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from protein_enn.data.clusters import Clustering
from protein_enn.data.kmers import proposals
from protein_enn.data.store import Record
from protein_enn.metrics.alignment import Homology, homology


def split_of(cluster: str, valid_fraction: float, seed: int) -> str:
    """The split of a cluster, by a hash of its name: the same whatever else is in the set.

    Parameters
    ----------
    cluster
        Its name.
    valid_fraction
        Of clusters, for validation.
    seed
        Of the hash.

    Returns
    -------
    str
        ``"train"`` or ``"val"``.

    Examples
    --------
    >>> split_of("lysozyme", 0.25, 0), split_of("kinase", 0.25, 0)
    ('val', 'train')
    """
    return "val" if _draw(cluster, seed) < valid_fraction else "train"


def _draw(cluster: str, seed: int) -> float:
    """A number from 0 to 1 for a cluster."""
    digest = hashlib.sha256(f"{seed}:{cluster}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def splits_of(
    clusters: Sequence[str],
    valid_fraction: float,
    seed: int,
    overlap: Collection[str] = (),
    at_least_one: bool = False,
) -> dict[str, str]:
    """The split of each cluster; training always has one.

    Parameters
    ----------
    clusters
        Names, in any number of repeats.
    valid_fraction
        Of the clusters, for validation.
    seed
        Of the draw.
    overlap
        Clusters that an earlier training had: they are for training.
    at_least_one
        Take exactly that fraction, one cluster at least, rather than draw each cluster by itself.

    Returns
    -------
    dict
        ``"train"`` or ``"val"`` by cluster.
    """
    names = list(dict.fromkeys(clusters))
    free = sorted((name for name in names if name not in overlap), key=lambda name: _draw(name, seed))
    if at_least_one and valid_fraction > 0:
        held = set(free[: min(max(1, round(valid_fraction * len(names))), len(names) - 1)])
    else:
        held = {name for name in free if split_of(name, valid_fraction, seed) == "val"}
    if len(held) == len(names):
        held = set()
    return {name: "val" if name in held else "train" for name in names}


def check_leaks(records: Sequence[Record]) -> None:
    """ValueError that names the first cluster with records in more than one split."""
    first: dict[str, tuple[str, str]] = {}
    for record in records:
        split, name = first.setdefault(record.cluster, (record.split, record.name))
        if split != record.split:
            raise ValueError(
                f"cluster {record.cluster} is in {split} ({name}) and in {record.split} ({record.name}): "
                "a split must hold whole clusters"
            )


def related_across(
    records: Sequence[Record], sequences: Sequence[str], clustering: Clustering
) -> Iterator[tuple[int, int, Homology]]:
    """Native chains of train and val that are related although their clusters differ.

    Parameters
    ----------
    records, sequences
        Of a store.
    clustering
        With identity and coverage from which chains are related.

    Yields
    ------
    tuple
        Rows of the records of train and of val, and their alignment.
    """
    natives = [i for i, record in enumerate(records) if record.kind == "native"]
    sides = [int(records[i].split == "val") for i in natives]
    for a, b in proposals([sequences[i] for i in natives], sides):
        i, j = natives[a], natives[b]
        alignment = homology(sequences[i], sequences[j])
        if alignment is not None and alignment.related(clustering.identity, clustering.coverage):
            yield (j, i, alignment) if records[i].split == "val" else (i, j, alignment)


def moved_to_train(records: Sequence[Record], clusters: Collection[str]) -> list[Record]:
    """All records, those of these clusters and the models on their relatives in train."""
    names = {*clusters, *(f"template {name}" for name in clusters)}
    return [replace(record, split="train") if record.cluster in names else record for record in records]
