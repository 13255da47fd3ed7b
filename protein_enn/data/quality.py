"""The quality of the chains of a store, residue by residue, and what a confidence model is given to tell it.

A store of decoys (`training.decoys`) has a `quality-NNNN.safetensors` next to each shard, with a row for each of its
residues, and `quality.json`, written last, with the names of the columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.numpy import save
from torch import Tensor

from protein_enn.data.chain import Chain
from protein_enn.data.sidecar import sha256_of
from protein_enn.data.store import Store
from protein_enn.io.atomic import write_bytes, write_text
from protein_enn.manifest import ManifestError, Version, parse

VERSION = 1
HEAD = "quality.json"
LDDT, ERROR = "lddt", "error"
"""The columns that are predicted: all-heavy-atom lDDT (0 to 1) and frame-aligned error (Å); nan where unknown."""
REMEDY = "make it again with `protein-enn decoys`"


class QualityHead(Version):
    """The fields of `quality.json`."""

    columns: list[str]  # LDDT and ERROR first, then descriptors
    manifest_sha256: str
    shards: list[str]  # sha256 of each file


class Quality:
    """Reads the quality of a store's residues.

    Parameters
    ----------
    store
        A store of decoys.
    verify
        Whether the sha256 of each file is checked.

    Raises
    ------
    ValueError
        The store has no quality.
    ManifestError
        A file is damaged, missing, or of another store.
    """

    def __init__(self, store: Store, verify: bool = True) -> None:
        self.store, path = store, store.folder / HEAD
        if not path.is_file():
            raise ValueError(f"{store.folder}: no {HEAD}; a store of decoys is made with `protein-enn decoys`")
        head = parse(QualityHead, path.read_bytes(), path, REMEDY)
        if head.version != VERSION:
            raise ManifestError(f"{path}: version {head.version}, but {VERSION} is understood; {REMEDY}")
        if head.manifest_sha256 != store.sha256:
            raise ManifestError(f"{path}: of another store; {REMEDY}")
        self.columns = tuple(head.columns)
        self._shards = []
        for number, digest in enumerate(head.shards):
            file = _file(store.folder, number)
            if not file.is_file() or (verify and sha256_of(file) != digest):
                raise ManifestError(f"{file}: missing or changed since it was written; {REMEDY}")
            self._shards.append(safe_open(str(file), framework="numpy"))

    @property
    def descriptors(self) -> tuple[str, ...]:
        """The names of the columns that a model is given."""
        return self.columns[2:]

    def with_quality(self, chain: Chain, record: int) -> Chain:
        """The chain of a record with its quality: all `columns`."""
        entry = self.store.records[record]
        rows = slice(entry.residue_start, entry.residue_start + entry.length)
        values = self._shards[entry.shard].get_slice("quality")[rows].astype(np.float32)
        return replace(chain, quality=torch.from_numpy(values))


def write_quality(store: Store, columns: Sequence[str], values: Sequence[Float[Tensor, "n q"]]) -> Quality:
    """Writes the quality of a store's residues next to it.

    Parameters
    ----------
    store
        That was written with these records, in this order.
    columns
        `LDDT`, `ERROR` and the descriptors.
    values
        One row for each residue of each record.
    """
    if tuple(columns[:2]) != (LDDT, ERROR):
        raise ValueError(f"columns start with {LDDT} and {ERROR}, not {', '.join(columns[:2])}")
    digests = []
    for number in range(1 + max(record.shard for record in store.records)):
        parts = [v for v, record in zip(values, store.records, strict=True) if record.shard == number]
        data = save({"quality": torch.cat(parts).to(torch.float16).numpy()})
        write_bytes(_file(store.folder, number), data)
        digests.append(hashlib.sha256(data).hexdigest())
    head = {"version": VERSION, "columns": list(columns), "manifest_sha256": store.sha256, "shards": digests}
    write_text(store.folder / HEAD, json.dumps(head, indent=1) + "\n")
    return Quality(store)


def _file(folder: Path, number: int) -> Path:
    """The file of the quality of a shard."""
    return folder / f"quality-{number:04d}.safetensors"
