"""Which decoys are made: of which natives, in which clusters, and which of them are for validation."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch

from protein_enn.data.batches import seeded_generator
from protein_enn.data.clusters import choose, cluster
from protein_enn.data.splits import split_of
from protein_enn.data.store import Store
from protein_enn.io import StructureError, read_structure

MODELS_OF_A_NATIVE = 5
VALID_FRACTION = 0.1
SHORTEST, LONGEST = 30, 500
"""Residues of a native of which models are made."""
UNTOUCHED = 0.06
"""Natives among the made models that stay as they are."""


@dataclass(frozen=True)
class DecoyJob:
    """A model to read with its native, or to make of a native."""

    name: str
    kind: str  # of its record: pair (a real model), template (a made one) or native
    file: str  # of the native, or the folder of the store that it is in
    cluster: str
    split: str
    chain: str = ""
    model: str = ""
    model_chain: str = ""
    record: int = -1  # of the native in the store
    relative: int = -1  # another one of its cluster, if there is one
    donor: int = -1
    number: int = 0
    seed: int = 0

    @property
    def origin(self) -> str:
        """The real model and its chain, for the record."""
        return f"{Path(self.model).name}:{self.model_chain}"


def plan(data: Path, store: Store, *, made: int, limit: int | None, seed: int) -> list[DecoyJob]:
    """The jobs: real models, at most five of a native, and models of natives, about equally many of each cluster.

    Parameters
    ----------
    data
        Folder with `decoys.tsv`.
    store
        Of natives.
    made
        Models to make.
    limit
        Of real models.
    seed
        Of all draws.

    Returns
    -------
    list of DecoyJob
        Natives of both sources are clustered together: none of training is related to one of validation.
    """
    generator = seeded_generator("decoys", seed)
    rows = _capped(data / "decoys.tsv", generator)[:limit]
    drawn = _drawn_natives(store, made, generator)
    names = list(dict.fromkeys((r["native"], r["native_chain"]) for r in rows))
    sequences = {name: _sequence(data, *name) for name in names}
    names = [name for name in names if sequences[name]]
    records = sorted({record for record, _ in drawn})
    every = [sequences[name] for name in names] + [store.sequence(record) for record in records]
    clusters = cluster(every, choose("auto"))
    first: dict[int, str] = {}  # a cluster is known by its first sequence
    for number, sequence in zip(clusters, every, strict=True):
        first.setdefault(number, sequence)
    key = dict(zip([*names, *records], (f"c{number}" for number in clusters), strict=True))
    splits = {f"c{number}": split_of(sequence, VALID_FRACTION, seed) for number, sequence in first.items()}
    jobs = []
    for row in rows:
        name = (row["native"], row["native_chain"])
        if name in key:
            files = (str(data / row["native"]), key[name], splits[key[name]], name[1], str(data / row["model"]))
            jobs.append(DecoyJob(row["model"], "pair", *files, row["model_chain"]))
    for number, (record, relative) in enumerate(drawn):
        untouched = float(torch.rand((), generator=generator)) < UNTOUCHED
        donor = int(torch.randint(len(records), (), generator=generator))
        jobs.append(
            DecoyJob(
                store.records[record].name, "native" if untouched else "template", str(store.folder), key[record],
                splits[key[record]], record=record, relative=relative, donor=records[donor], number=number, seed=seed,
            )
        )  # fmt: skip
    return jobs


def _capped(table: Path, generator: torch.Generator) -> list[dict[str, str]]:
    """The rows of training, at most five of each native, in random order."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["split"] == "train"]
    taken: dict[tuple[str, str], int] = defaultdict(int)
    kept = []
    for i in torch.randperm(len(rows), generator=generator).tolist():
        name = (rows[i]["native"], rows[i]["native_chain"])
        taken[name] += 1
        if taken[name] <= MODELS_OF_A_NATIVE:
            kept.append(rows[i])
    return kept


def _drawn_natives(store: Store, count: int, generator: torch.Generator) -> list[tuple[int, int]]:
    """Natives to make models of, one of each cluster in turn, each with another one of its cluster or -1."""
    members: dict[str, list[int]] = defaultdict(list)
    for i, record in enumerate(store.records):
        if record.kind == "native" and SHORTEST <= record.length - record.partners <= LONGEST:
            members[record.cluster].append(i)
    if not members and count:
        raise ValueError(f"{store.folder}: no native of {SHORTEST} to {LONGEST} residues to make models of")
    drawn: list[tuple[int, int]] = []
    names = list(members)
    while len(drawn) < count:
        for i in torch.randperm(len(names), generator=generator).tolist()[: count - len(drawn)]:
            group = members[names[i]]
            order = torch.randperm(len(group), generator=generator).tolist()
            drawn.append((group[order[0]], group[order[1]] if len(group) > 1 else -1))
    return drawn


def _sequence(data: Path, file: str, chain: str) -> str:
    """The sequence of a native; "" for one that cannot be read."""
    try:
        structure = read_structure(data / file)
    except (StructureError, OSError):
        return ""
    return structure.take(structure.in_chain(chain)).sequence
