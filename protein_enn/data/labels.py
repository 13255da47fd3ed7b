"""What a teacher says of the chains of a store: probabilities of all twenty amino acids, for training.

A teacher is an inverse-folding network whose answers another learns. Each chain is labelled under three views:

- `none`: no identity is seen.
- `native`: a random order on the native sequence.
- `mixed`: another order, on the native sequence in which a share of the residues is replaced by draws of the teacher.

Every view keeps its order and its sequence, so that the student sees what the teacher saw; a chain is labelled alone or
with its partners, which is kept too. Log-probabilities are 8-bit multiples of `STEP`.

`labels.json` names teacher and store; each `shard-NNNN.safetensors` has a `shard-NNNN.json` with its sha256, where each
record lies, and which records could not be labelled and why. The JSON comes last: a shard without it does not exist, so
a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from protein_enn.data.chain import Chain
from protein_enn.data.sidecar import read_entry, sha256_of
from protein_enn.data.store import Record, Store
from protein_enn.io.atomic import write_bytes, write_text

VERSION = 1
HEAD = "labels.json"
VIEWS = ("none", "native", "mixed")
STEP = 0.05
"""Nats; rounding to it changes a distribution by a KL divergence of some 0.0001."""
SHARD_RESIDUES = 20_000
"""Residues after which a shard is written: what a killed run loses at most."""


@dataclass(frozen=True, eq=False)
class View:
    """What a teacher saw of n residues and what it said; `rank` is their order, all equal where none was seen."""

    log_probs: Float[Tensor, "n 20"]  # nats
    labelled: Bool[Tensor, "n"]  # residues of which it said something
    rank: Int[Tensor, "n"]
    sequence: Int[Tensor, "n"]  # identities that were seen, as an index into chemistry.RESIDUES


@dataclass(frozen=True, eq=False)
class Labels:
    """All views of one chain."""

    views: tuple[View, ...]  # in the order of `VIEWS`
    alone: bool  # without its partners


@dataclass(frozen=True, eq=False)
class Coded:
    """Labels of one chain as they are stored: plain arrays, which a worker process can hand over in any number."""

    columns: dict[str, np.ndarray]  # one row for each residue
    alone: bool
    digest: str  # of the sequence

    def __len__(self) -> int:
        return len(self.columns[f"rank_{VIEWS[0]}"])


def coded(chain: Chain, labels: Labels) -> Coded:
    """Labels of a chain, which is as the teacher saw it."""
    columns = {}
    for name, view in zip(VIEWS, labels.views, strict=True):
        columns[f"log_probs_{name}"] = encoded(view.log_probs)
        columns[f"labelled_{name}"] = view.labelled.numpy().astype(np.uint8)
        columns[f"rank_{name}"] = view.rank.numpy().astype(np.uint16)
        columns[f"sequence_{name}"] = view.sequence.numpy().astype(np.uint8)
    return Coded(columns, labels.alone, sequence_digest(chain))


def encoded(log_probs: Float[Tensor, "*n 20"]) -> np.ndarray:
    """Log-probabilities as 8-bit multiples of -`STEP`; what is below -12.75 becomes that."""
    return (-log_probs / STEP).round().clamp(0, 255).to(torch.uint8).numpy()


def decoded(codes: np.ndarray) -> Float[Tensor, "*n 20"]:
    """Log-probabilities of codes, normalized again."""
    return torch.from_numpy(codes.astype(np.float32) * -STEP).log_softmax(-1)


class LabelSet:
    """Reads labels. ValueError if they are none, are of another store, or a shard is missing or has changed."""

    def __init__(self, folder: str | Path, store: Store | None = None, verify: bool = True) -> None:
        self.folder = Path(folder)
        path = self.folder / HEAD
        if not path.is_file():
            raise ValueError(f"{self.folder}: no {HEAD}; make labels with `protein-enn label`")
        head = read_entry(path, "labels", "label")
        if head.get("version") != VERSION:
            raise ValueError(f"{path}: version {head.get('version')}, but {VERSION} is understood; label again")
        if not {"teacher", "condition", "manifest_sha256"} <= set(head):
            raise ValueError(f"{path}: damaged; delete this folder and run `protein-enn label` again")
        if store is not None and head["manifest_sha256"] != store.sha256:
            raise ValueError(
                f"{self.folder}: labels of another store than {store.folder}; label this one with `protein-enn label`"
            )
        self.teacher: dict[str, Any] = head["teacher"]
        self.condition: str = head["condition"]
        self.manifest_sha256: str = head["manifest_sha256"]
        self.digests: list[str] = []  # sha256 of each shard
        self.skipped: dict[int, str] = {}  # records that could not be labelled, with the reason
        self._shards: list[Any] = []
        self._places: dict[int, tuple[int, int, int, bool, str]] = {}  # shard, first row, residues, alone, digest
        for entry in sorted(self.folder.glob("shard-*.json")):
            self._add(entry, verify)

    def _add(self, entry: Path, verify: bool) -> None:
        shard, file = read_entry(entry, "labels", "label"), entry.with_suffix(".safetensors")
        again = f"delete {entry.name} and {file.name} there and run `protein-enn label` again"
        if not file.is_file() or (verify and sha256_of(file) != shard["sha256"]):
            raise ValueError(f"{file}: missing or changed since it was written; {again}")
        try:
            opened = safe_open(str(file), framework="numpy")
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file}: no safetensors file ({error}); {again}") from error
        for number, start, length, alone, digest in shard["records"]:
            self._places[number] = (len(self._shards), start, length, alone, digest)
        self.skipped.update((number, reason) for number, reason in shard["skipped"])
        self._shards.append(opened)
        self.digests.append(shard["sha256"])

    @property
    def identity(self) -> dict[str, Any]:
        """Who made the labels, and which they are: what must agree when a training goes on."""
        content = hashlib.sha256(" ".join(self.digests).encode()).hexdigest()
        return {**self.teacher, "condition": self.condition, "labels_sha256": content}

    def __len__(self) -> int:
        """Records that are labelled."""
        return len(self._places)

    def __contains__(self, record: int) -> bool:
        return record in self._places

    def alone(self, record: int) -> bool:
        """Whether a chain was labelled without its partners."""
        return self._places[record][3]

    def shown(self, chain: Chain, record: int, view: int) -> Chain:
        """The chain as the teacher saw it in a view, with its labels. ValueError if it is not the chain labelled."""
        shard, start, length, alone, digest = self._places[record]
        chain = chain.take(chain.own) if alone else chain
        if len(chain) != length or sequence_digest(chain) != digest:
            raise ValueError(f"{self.folder}: the sequence of {chain.name} differs from the one labelled; label again")
        rows = slice(start, start + length)

        def column(name: str) -> np.ndarray:
            return self._shards[shard].get_slice(f"{name}_{VIEWS[view]}")[rows]

        return replace(
            chain,
            labels=decoded(column("log_probs")),
            labelled=torch.from_numpy(column("labelled").astype(bool)),
            rank=torch.from_numpy(column("rank").astype(np.int64)),
            shown=torch.from_numpy(column("sequence").astype(np.int64)),
        )


def sequence_digest(chain: Chain) -> str:
    """By which a chain is known again: the start of the sha256 of its residue types."""
    return hashlib.sha256(chain.residues.to(torch.uint8).numpy().tobytes()).hexdigest()[:16]


Labeller = Callable[[list[int]], Iterator[Coded | str]]
"""Of records, by number, in their order: the labels, or why there are none."""


def write_labels(
    folder: str | Path,
    store: Store,
    teacher: dict[str, Any],
    condition: str,
    records: Iterable[int],
    label: Labeller,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Adds to labels, which are made if need be, those of the records that are lacking; how many were added.

    A record that was skipped is not tried again. `progress` hears how many of those lacking are done. One writer at a
    time. ValueError for labels of another store, teacher or condition.
    """
    folder = Path(folder)
    if not (folder / HEAD).is_file():
        head = {"version": VERSION, "condition": condition, "teacher": teacher, "manifest_sha256": store.sha256}
        write_text(folder / HEAD, json.dumps(head, indent=1) + "\n")
    there = LabelSet(folder, store)
    if there.teacher["sha256"] != teacher["sha256"] or there.condition != condition:
        raise ValueError(
            f"{folder}: made by {there.teacher['name']} for {there.condition!r}, not by {teacher['name']} for "
            f"{condition!r}; give another folder"
        )
    wanted = [record for record in records if record not in there and record not in there.skipped]
    first = 1 + max((int(p.stem.split("-")[1]) for p in folder.glob("shard-*.json")), default=-1)
    made = label(wanted)
    done = added = 0
    for number, part in enumerate(_parts(wanted, store.records), first):
        added += _write_shard(folder / f"shard-{number:04d}", part, made)
        done += len(part)
        progress(done, len(wanted))
    return added


def _parts(wanted: list[int], records: list[Record]) -> Iterator[list[int]]:
    """In their order, a shard's worth at a time."""
    part: list[int] = []
    residues = 0
    for number in wanted:
        part.append(number)
        residues += records[number].length
        if residues >= SHARD_RESIDUES:
            yield part
            part, residues = [], 0
    if part:
        yield part


def _write_shard(stem: Path, numbers: list[int], made: Iterator[Coded | str]) -> int:
    """Writes the next records; how many of them have labels."""
    columns: dict[str, list[np.ndarray]] = {}
    places, skipped, start = [], [], 0
    for number in numbers:
        found = next(made)
        if isinstance(found, str):
            skipped.append([number, found])
            continue
        for name, values in found.columns.items():
            columns.setdefault(name, []).append(values)
        places.append([number, start, len(found), found.alone, found.digest])
        start += len(found)
    data = save({name: np.concatenate(parts) for name, parts in columns.items()})
    write_bytes(stem.with_suffix(".safetensors"), data)
    entry = {"sha256": hashlib.sha256(data).hexdigest(), "records": places, "skipped": skipped}
    write_text(stem.with_suffix(".json"), json.dumps(entry) + "\n")
    return len(places)
