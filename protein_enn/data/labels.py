"""Probabilities of all twenty amino acids that a teacher predicts for the chains of a store, for training.

A teacher is an inverse-folding network whose predictions another network learns. Each chain is labeled in three views:

- `none`: no identity is visible.
- `native`: a random order on the native sequence.
- `mixed`: another order, on the native sequence in which a fraction of the residues is replaced by draws of the
  teacher.

Every view keeps its order and its sequence, so that the student gets the same input. A chain is labeled alone or with
its partners, which is kept too. Log-probabilities are 8-bit multiples of `STEP`.

`labels.json` names teacher and store. Each `shard-NNNN.safetensors` has a `shard-NNNN.json` with its sha256, the rows
of each record, and which records could not be labeled and why. The JSON is written last: a shard without it does not
count, so a run that was killed can be resumed.
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
from protein_enn.data.sidecar import LabelsEntry, LabelsHead, read_entry, sha256_of
from protein_enn.data.store import Record, Store
from protein_enn.io.atomic import write_bytes, write_text
from protein_enn.manifest import ManifestError, Version

VERSION = 1
HEAD = "labels.json"
VIEWS = ("none", "native", "mixed")
STEP = 0.05
"""Nats; rounding to it changes a distribution by a KL divergence of some 0.0001."""
SHARD_RESIDUES = 20_000
"""Residues after which a shard is written: a killed run loses no more."""


@dataclass(frozen=True, eq=False)
class View:
    """A teacher's input for n residues, and its prediction."""

    log_probs: Float[Tensor, "n 20"]  # nats
    labeled: Bool[Tensor, "n"]  # residues for which it predicts
    rank: Int[Tensor, "n"]  # decoding order: the identities of lower ranks are visible; all equal where none is
    sequence: Int[Tensor, "n"]  # identities in its input, as an index into chemistry.RESIDUES


@dataclass(frozen=True, eq=False)
class Labels:
    """All views of one chain."""

    views: tuple[View, ...]  # in the order of `VIEWS`
    alone: bool  # without its partners


@dataclass(frozen=True, eq=False)
class EncodedLabels:
    """Labels of one chain as they are stored: plain arrays, which a worker process can pass on in any number."""

    columns: dict[str, np.ndarray]  # one row for each residue
    alone: bool
    digest: str  # of the sequence

    def __len__(self) -> int:
        return len(self.columns[f"rank_{VIEWS[0]}"])


def encode_labels(chain: Chain, labels: Labels) -> EncodedLabels:
    """Labels as they are stored; the chain is that of the teacher's input."""
    columns = {}
    for name, view in zip(VIEWS, labels.views, strict=True):
        columns[f"log_probs_{name}"] = encode_log_probs(view.log_probs)
        columns[f"labelled_{name}"] = view.labeled.numpy().astype(np.uint8)
        columns[f"rank_{name}"] = view.rank.numpy().astype(np.uint16)
        columns[f"sequence_{name}"] = view.sequence.numpy().astype(np.uint8)
    return EncodedLabels(columns, labels.alone, sequence_digest(chain))


def encode_log_probs(log_probs: Float[Tensor, "*n 20"]) -> np.ndarray:
    """Log-probabilities as 8-bit multiples of -`STEP`, at least -12.75."""
    return (-log_probs / STEP).round().clamp(0, 255).to(torch.uint8).numpy()


def decode_log_probs(codes: np.ndarray) -> Float[Tensor, "*n 20"]:
    """Log-probabilities of codes, normalized again."""
    return torch.from_numpy(codes.astype(np.float32) * -STEP).log_softmax(-1)


class LabelSet:
    """Reads the labels in a folder: those of a given `store`, and with the sha256 of each shard checked (`verify`).

    ValueError for another folder, labels of another store, or a shard that is missing or has changed.
    """

    def __init__(self, folder: str | Path, store: Store | None = None, verify: bool = True) -> None:
        self.folder = Path(folder)
        path = self.folder / HEAD
        if not path.is_file():
            raise ValueError(f"{self.folder}: no {HEAD}; make labels with `protein-enn label`")
        if (version := read_entry(Version, path, "label").version) != VERSION:
            raise ManifestError(f"{path}: version {version}, but {VERSION} is understood; label again")
        head = read_entry(LabelsHead, path, "label")
        if store is not None and head.manifest_sha256 != store.sha256:
            raise ValueError(
                f"{self.folder}: labels of another store than {store.folder}; label this one with `protein-enn label`"
            )
        self.teacher: dict[str, Any] = head.teacher.model_dump()
        self.condition, self.manifest_sha256 = head.condition, head.manifest_sha256
        self.digests: list[str] = []  # sha256 of each shard
        self.skipped: dict[int, str] = {}  # records that could not be labeled, with the reason
        self._shards: list[Any] = []
        self._index: dict[int, tuple[int, int, int, bool, str]] = {}  # shard, first row, residues, alone, digest
        for entry in sorted(self.folder.glob("shard-*.json")):
            self._add(entry, verify)

    def _add(self, entry: Path, verify: bool) -> None:
        shard, file = read_entry(LabelsEntry, entry, "label"), entry.with_suffix(".safetensors")
        again = f"delete {entry.name} and {file.name} there and run `protein-enn label` again"
        if not file.is_file() or (verify and sha256_of(file) != shard.sha256):
            raise ManifestError(f"{file}: missing or changed since it was written; {again}")
        try:
            opened = safe_open(str(file), framework="numpy")
        except (SafetensorError, OSError) as error:
            raise ManifestError(f"{file}: no safetensors file ({error}); {again}") from error
        rows = opened.get_slice(f"rank_{VIEWS[0]}").get_shape()[0] if shard.records else 0
        for number, start, length, alone, digest in shard.records:
            if min(start, length) < 0 or start + length > rows:
                raise ManifestError(f"{entry}: field records: rows of record {number} are not in the shard; {again}")
            self._index[number] = (len(self._shards), start, length, alone, digest)
        self.skipped.update(shard.skipped)
        self._shards.append(opened)
        self.digests.append(shard.sha256)

    @property
    def identity(self) -> dict[str, Any]:
        """The teacher and the sha256 of the labels: what must agree when a training is resumed."""
        content = hashlib.sha256(" ".join(self.digests).encode()).hexdigest()
        return {**self.teacher, "condition": self.condition, "labels_sha256": content}

    def __len__(self) -> int:
        """How many records are labeled."""
        return len(self._index)

    def __contains__(self, record: int) -> bool:
        return record in self._index

    def alone(self, record: int) -> bool:
        """Whether a chain was labeled without its partners."""
        return self._index[record][3]

    def with_labels(self, chain: Chain, record: int, view: int) -> Chain:
        """A chain with its labels.

        Parameters
        ----------
        chain
            Of the store, with its partners.
        record
            Its number in the store.
        view
            Index into `VIEWS`.

        Returns
        -------
        Chain
            As in the teacher's input: without partners if it was labeled alone. ValueError if its sequence is not that
            of the chain that was labeled.
        """
        shard, start, length, alone, digest = self._index[record]
        chain = chain.take(chain.own) if alone else chain
        if len(chain) != length or sequence_digest(chain) != digest:
            raise ValueError(f"{self.folder}: the sequence of {chain.name} differs from the one labeled; label again")
        rows = slice(start, start + length)

        def column(name: str) -> np.ndarray:
            return self._shards[shard].get_slice(f"{name}_{VIEWS[view]}")[rows]

        return replace(
            chain,
            labels=decode_log_probs(column("log_probs")),
            labeled=torch.from_numpy(column("labelled").astype(bool)),
            rank=torch.from_numpy(column("rank").astype(np.int64)),
            shown=torch.from_numpy(column("sequence").astype(np.int64)),
        )


def sequence_digest(chain: Chain) -> str:
    """Identifies the sequence of a chain: the start of the sha256 of its residue types."""
    return hashlib.sha256(chain.residues.to(torch.uint8).numpy().tobytes()).hexdigest()[:16]


Labeler = Callable[[list[int]], Iterator[EncodedLabels | str]]
"""For numbers of records, in their order: the labels, or why there are none."""


def write_labels(
    folder: str | Path,
    store: Store,
    teacher: dict[str, Any],
    condition: str,
    records: Iterable[int],
    label: Labeler,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Adds to labels those of the records that are missing. One writer at a time.

    Parameters
    ----------
    folder
        Of the labels; made if it does not exist.
    store
        Of the records.
    teacher
        Its identity, with name and sha256.
    condition
        Name of the teacher's condition.
    records
        By number; those that are labeled, or were skipped before, are left out.
    label
        Makes the labels.
    progress
        Called after each shard with how many of the missing records are done, and their number.

    Returns
    -------
    int
        How many records were labeled.

    ValueError for labels of another store, teacher or condition.
    """
    folder = Path(folder)
    if not (folder / HEAD).is_file():
        head = {"version": VERSION, "condition": condition, "teacher": teacher, "manifest_sha256": store.sha256}
        write_text(folder / HEAD, json.dumps(head, indent=1) + "\n")
    old = LabelSet(folder, store)
    if old.teacher["sha256"] != teacher["sha256"] or old.condition != condition:
        raise ValueError(
            f"{folder}: made by {old.teacher['name']} for {old.condition!r}, not by {teacher['name']} for "
            f"{condition!r}; give another folder"
        )
    missing = [record for record in records if record not in old and record not in old.skipped]
    first = 1 + max((int(p.stem.split("-")[1]) for p in folder.glob("shard-*.json")), default=-1)
    labels = label(missing)
    done = added = 0
    for number, part in enumerate(_parts(missing, store.records), first):
        added += _write_shard(folder / f"shard-{number:04d}", part, labels)
        done += len(part)
        progress(done, len(missing))
    return added


def _parts(numbers: list[int], records: list[Record]) -> Iterator[list[int]]:
    """The records of each shard, in their order."""
    part: list[int] = []
    residues = 0
    for number in numbers:
        part.append(number)
        residues += records[number].length
        if residues >= SHARD_RESIDUES:
            yield part
            part, residues = [], 0
    if part:
        yield part


def _write_shard(stem: Path, numbers: list[int], labels: Iterator[EncodedLabels | str]) -> int:
    """Writes the next records; how many of them have labels."""
    columns: dict[str, list[np.ndarray]] = {}
    index, skipped, start = [], [], 0
    for number in numbers:
        one = next(labels)
        if isinstance(one, str):
            skipped.append([number, one])
            continue
        for name, values in one.columns.items():
            columns.setdefault(name, []).append(values)
        index.append([number, start, len(one), one.alone, one.digest])
        start += len(one)
    data = save({name: np.concatenate(parts) for name, parts in columns.items()})
    write_bytes(stem.with_suffix(".safetensors"), data)
    entry = {"sha256": hashlib.sha256(data).hexdigest(), "records": index, "skipped": skipped}
    write_text(stem.with_suffix(".json"), json.dumps(entry) + "\n")
    return len(index)
