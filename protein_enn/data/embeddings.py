"""Features of a language model on disk, for training: a few mask patterns of each sequence.

The model must not see what is to be predicted. So each sequence is there several times, each time with another share of
its residues hidden behind masks; an example of training takes one pattern and learns from the hidden residues alone.

`cache.json` names the weights and the patterns; each `shard-NNNN.safetensors` (float16) has a `shard-NNNN.json` with
its sha256 and where each sequence lies, by the sha256 of its letters. The JSON comes last: a shard without it does not
exist, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.batches import seeded
from protein_enn.data.chain import Chain
from protein_enn.data.sidecar import read_entry, sha256_of
from protein_enn.data.store import Store
from protein_enn.embedding.model import LanguageModel, chain_rows, letters
from protein_enn.io.atomic import write_bytes, write_text

VERSION = 1
HEAD = "cache.json"
SHARES = (1.0, 0.75, 0.5, 0.25)
"""Of the known residues that are hidden in each pattern; validation takes the first, where all are."""
SHARD_ROWS = 20_000
"""Rows (a residue in a pattern) after which a shard is written: what a killed run loses at most."""


def key_of(sequence: str) -> str:
    """Under which a sequence is stored."""
    return hashlib.sha256(sequence.encode()).hexdigest()


def hidden(sequence: str, pattern: int) -> Bool[Tensor, "n"]:
    """Residues that the language model does not see in a pattern, drawn from the sequence; an unknown one never is."""
    known = torch.tensor([letter != chemistry.LETTERS[chemistry.UNKNOWN] for letter in sequence])
    draw = torch.rand(len(sequence), generator=seeded("hidden", key_of(sequence), pattern)).masked_fill(~known, 2.0)
    mask = torch.zeros_like(known)
    mask[draw.argsort(stable=True)[: math.ceil(SHARES[pattern] * int(known.sum()))]] = True
    return mask


def sequences_of(chain: Chain) -> list[str]:
    """Those of a chain's own residues: what of it must be in a cache."""
    residues = chain.residues[chain.own]
    return [letters(residues[rows]) for rows in chain_rows(chain.chains[chain.own])]


class Embeddings:
    """Reads a cache. ValueError if it is none, or a shard is missing or has changed."""

    def __init__(self, folder: str | Path, verify: bool = True) -> None:
        self.folder = Path(folder)
        path = self.folder / HEAD
        if not path.is_file():
            raise ValueError(f"{self.folder}: no {HEAD}; make the cache with `protein-enn embed`")
        head = read_entry(path, "a cache of embeddings", "embed")
        if head.get("version") != VERSION or head.get("shares") != list(SHARES):
            raise ValueError(f"{path}: another version of the cache than {VERSION}; make it again in a new folder")
        self.weights: dict[str, Any] = head["weights"]
        self._shards: list[Any] = []
        self._places: dict[str, tuple[int, int, int]] = {}  # shard, first row, residues
        for entry in sorted(self.folder.glob("shard-*.json")):
            self._add(entry, verify)

    def _add(self, entry: Path, verify: bool) -> None:
        shard, file = read_entry(entry, "a cache of embeddings", "embed"), entry.with_suffix(".safetensors")
        again = f"delete {entry.name} and {file.name} there and run `protein-enn embed` again"
        if not file.is_file() or (verify and sha256_of(file) != shard["sha256"]):
            raise ValueError(f"{file}: missing or changed since it was written; {again}")
        try:
            opened = safe_open(str(file), framework="numpy")
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file}: no safetensors file ({error}); {again}") from error
        for key, (start, length) in shard["sequences"].items():
            self._places[key] = (len(self._shards), start, length)
        self._shards.append(opened)

    def __len__(self) -> int:
        """Sequences that are there."""
        return len(self._places)

    def __contains__(self, sequence: str) -> bool:
        return key_of(sequence) in self._places

    @property
    def width(self) -> int:
        """Features of a residue."""
        return int(self.weights["width"])

    def features(self, sequence: str, pattern: int) -> Float[Tensor, "n d"]:
        """What the language model says of each residue where those of a pattern are hidden; ValueError if not there."""
        place = self._places.get(key_of(sequence))
        if place is None:
            raise ValueError(
                f"{self.folder}: nothing of the sequence {sequence[:20]}{'...' * (len(sequence) > 20)}; "
                "run `protein-enn embed` on the store"
            )
        shard, start, length = place
        start += pattern * length
        rows = self._shards[shard].get_slice("features")[start : start + length]
        return torch.from_numpy(rows.astype(np.float32))

    def shown(self, chain: Chain, pattern: int) -> Chain:
        """The chain with the features of its own residues under a pattern; those of partners, unknown here, are 0."""
        language, masked = torch.zeros(len(chain), self.width), torch.zeros(len(chain), dtype=torch.bool)
        own = chain.own.nonzero()[:, 0]
        for rows in chain_rows(chain.chains[own]):
            sequence = letters(chain.residues[own[rows]])
            language[own[rows]] = self.features(sequence, pattern)
            masked[own[rows]] = hidden(sequence, pattern)
        return replace(chain, language=language, hidden=masked)

    def check(self, store: Store) -> None:
        """ValueError unless every chain that is trained or validated on is there."""
        lacking = [
            record.name
            for i, record in enumerate(store.records)
            if record.split in ("train", "val") and not all(s in self for s in sequences_of(store[i]))
        ]
        if lacking:
            raise ValueError(
                f"{self.folder}: {len(lacking)} of {len(store)} chains of {store.folder} are not there, such as "
                f"{lacking[0]}; run `protein-enn embed {store.folder}` with the same weights and -o {self.folder}"
            )


def write_embeddings(
    folder: str | Path,
    model: LanguageModel,
    sequences: Iterable[str],
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Adds to a cache, which is made if need be, what it lacks of the sequences; how many were added.

    `progress` hears how many were added so far. One writer at a time. ValueError for a cache of other weights.
    """
    folder = Path(folder)
    if not (folder / HEAD).is_file():
        head = {"version": VERSION, "weights": model.identity, "shares": list(SHARES)}
        write_text(folder / HEAD, json.dumps(head, indent=1) + "\n")
    cache = Embeddings(folder)
    if cache.weights["sha256"] != model.sha256:
        raise ValueError(
            f"{folder}: made with {cache.weights['name']} (sha256 {cache.weights['sha256'][:12]}...), not with "
            f"{model.name} ({model.sha256[:12]}...); give another folder"
        )
    wanted = [s for s in dict.fromkeys(sequences) if s not in cache]
    first = 1 + max((int(p.stem.split("-")[1]) for p in folder.glob("shard-*.json")), default=-1)
    done = 0
    for number, part in enumerate(_parts(wanted), first):
        _write_shard(folder / f"shard-{number:04d}", model, part)
        done += len(part)
        progress(done)
    return done


def _parts(sequences: list[str]) -> Iterator[list[str]]:
    """In their order, a shard's worth at a time."""
    part: list[str] = []
    for sequence in sequences:
        part.append(sequence)
        if sum(map(len, part)) * len(SHARES) >= SHARD_ROWS:
            yield part
            part = []
    if part:
        yield part


def _write_shard(stem: Path, model: LanguageModel, sequences: list[str]) -> None:
    repeated = [(s, hidden(s, p)) for s in sequences for p in range(len(SHARES))]
    features = model.embed([s for s, _ in repeated], [mask for _, mask in repeated])
    rows = torch.cat(features).half()
    if not rows.isfinite().all():
        raise ValueError(f"{stem.parent}: features of {model.name} are too large for float16")
    data = save({"features": rows.numpy()})
    places, start = {}, 0
    for sequence in sequences:
        places[key_of(sequence)] = (start, len(sequence))
        start += len(SHARES) * len(sequence)
    entry = {"sha256": hashlib.sha256(data).hexdigest(), "sequences": places}
    write_bytes(stem.with_suffix(".safetensors"), data)
    write_text(stem.with_suffix(".json"), json.dumps(entry) + "\n")
