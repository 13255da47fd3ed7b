"""Features of a language model on disk, for training: a few mask patterns of each sequence.

The language model must not see what is to be predicted. So each sequence is stored several times, each time with
another fraction of its residues masked. An example of training takes one pattern; its loss counts the masked residues.

`cache.json` names the weights and the patterns. Each `shard-NNNN.safetensors` (float16) has a `shard-NNNN.json` with
its sha256 and the rows of each sequence, by the sha256 of its letters. The JSON is written last: a shard without it
does not count, so a run that was killed can be resumed.
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
from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.data.sidecar import EmbeddingsEntry, EmbeddingsHead, read_entry, sha256_of
from protein_enn.data.store import Store
from protein_enn.embedding.model import LanguageModel, chain_rows, letters
from protein_enn.io.atomic import write_bytes, write_text

VERSION = 1
HEAD = "cache.json"
HIDDEN_FRACTIONS = (1.0, 0.75, 0.5, 0.25)
"""Of the known residues, those masked in each pattern; validation takes the first, where all are."""
SHARD_ROWS = 20_000
"""Rows (a residue in a pattern) after which a shard is written: a killed run loses no more."""


def key_of(sequence: str) -> str:
    """The key that a sequence is stored under."""
    return hashlib.sha256(sequence.encode()).hexdigest()


def hidden_residues(sequence: str, pattern: int) -> Bool[Tensor, "n"]:
    """Residues that are masked in a pattern, drawn from the sequence; unknown residues never are.

    Examples
    --------
    >>> hidden_residues("MKTAYXAK", pattern=2).sum()  # half of the seven known ones, rounded up
    tensor(4)
    """
    known = torch.tensor([letter != chemistry.LETTERS[chemistry.UNKNOWN] for letter in sequence])
    generator = seeded_generator("hidden", key_of(sequence), pattern)
    draw = torch.rand(len(sequence), generator=generator).masked_fill(~known, 2.0)
    mask = torch.zeros_like(known)
    mask[draw.argsort(stable=True)[: math.ceil(HIDDEN_FRACTIONS[pattern] * int(known.sum()))]] = True
    return mask


def sequences_of(chain: Chain) -> list[str]:
    """The sequences of a chain's own residues, which a cache must hold."""
    residues = chain.residues[chain.own]
    return [letters(residues[rows]) for rows in chain_rows(chain.chains[chain.own])]


class Embeddings:
    """Reads a cache. ValueError for another folder, and where a shard is missing or has changed."""

    def __init__(self, folder: str | Path, verify: bool = True) -> None:
        self.folder = Path(folder)
        path = self.folder / HEAD
        if not path.is_file():
            raise ValueError(f"{self.folder}: no {HEAD}; make the cache with `protein-enn embed`")
        head = read_entry(EmbeddingsHead, path, "embed")
        if head.version != VERSION or head.shares != list(HIDDEN_FRACTIONS):
            raise ValueError(f"{path}: another version of the cache than {VERSION}; make it again in a new folder")
        self.weights: dict[str, Any] = head.weights.model_dump()
        self._shards: list[Any] = []
        self._index: dict[str, tuple[int, int, int]] = {}  # shard, first row, residues
        for entry in sorted(self.folder.glob("shard-*.json")):
            self._add(entry, verify)

    def _add(self, entry: Path, verify: bool) -> None:
        shard, file = read_entry(EmbeddingsEntry, entry, "embed"), entry.with_suffix(".safetensors")
        again = f"delete {entry.name} and {file.name} there and run `protein-enn embed` again"
        if not file.is_file() or (verify and sha256_of(file) != shard.sha256):
            raise ValueError(f"{file}: missing or changed since it was written; {again}")
        try:
            opened = safe_open(str(file), framework="numpy")
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file}: no safetensors file ({error}); {again}") from error
        for key, (start, length) in shard.sequences.items():
            self._index[key] = (len(self._shards), start, length)
        self._shards.append(opened)

    def __len__(self) -> int:
        """How many sequences it holds."""
        return len(self._index)

    def __contains__(self, sequence: str) -> bool:
        return key_of(sequence) in self._index

    @property
    def width(self) -> int:
        """Features of a residue."""
        return int(self.weights["width"])

    def features(self, sequence: str, pattern: int) -> Float[Tensor, "n d"]:
        """Features of each residue where those of a pattern are masked; ValueError for a sequence that is missing."""
        entry = self._index.get(key_of(sequence))
        if entry is None:
            raise ValueError(
                f"{self.folder}: nothing of the sequence {sequence[:20]}{'...' * (len(sequence) > 20)}; "
                "run `protein-enn embed` on the store"
            )
        shard, start, length = entry
        start += pattern * length
        rows = self._shards[shard].get_slice("features")[start : start + length]
        return torch.from_numpy(rows.astype(np.float32))

    def with_features(self, chain: Chain, pattern: int) -> Chain:
        """The chain with the features of its own residues under a pattern; those of partners are 0."""
        language, masked = torch.zeros(len(chain), self.width), torch.zeros(len(chain), dtype=torch.bool)
        own = chain.own.nonzero()[:, 0]
        for rows in chain_rows(chain.chains[own]):
            sequence = letters(chain.residues[own[rows]])
            language[own[rows]] = self.features(sequence, pattern)
            masked[own[rows]] = hidden_residues(sequence, pattern)
        return replace(chain, language=language, hidden=masked)

    def check(self, store: Store) -> None:
        """ValueError unless it holds every chain of training and validation."""
        missing = [
            record.name
            for i, record in enumerate(store.records)
            if record.split in ("train", "val") and not all(s in self for s in sequences_of(store[i]))
        ]
        if missing:
            raise ValueError(
                f"{self.folder}: {len(missing)} of {len(store)} chains of {store.folder} are missing, such as "
                f"{missing[0]}; run `protein-enn embed {store.folder}` with the same weights and -o {self.folder}"
            )


def write_embeddings(
    folder: str | Path,
    model: LanguageModel,
    sequences: Iterable[str],
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Adds to a cache the sequences that it lacks. One writer at a time.

    Parameters
    ----------
    folder
        Of the cache; made if it does not exist.
    model
        Of which the features are.
    sequences
        One-letter codes; those that the cache holds are left out.
    progress
        Called after each shard with how many sequences were added so far.

    Returns
    -------
    int
        How many sequences were added.

    Raises
    ------
    ValueError
        The cache is of other weights, or features are too large for float16.
    """
    folder = Path(folder)
    if not (folder / HEAD).is_file():
        head = {"version": VERSION, "weights": model.identity, "shares": list(HIDDEN_FRACTIONS)}
        write_text(folder / HEAD, json.dumps(head, indent=1) + "\n")
    cache = Embeddings(folder)
    if cache.weights["sha256"] != model.sha256:
        raise ValueError(
            f"{folder}: made with {cache.weights['name']} (sha256 {cache.weights['sha256'][:12]}...), not with "
            f"{model.name} ({model.sha256[:12]}...); give another folder"
        )
    missing = [s for s in dict.fromkeys(sequences) if s not in cache]
    first = 1 + max((int(p.stem.split("-")[1]) for p in folder.glob("shard-*.json")), default=-1)
    done = 0
    for number, part in enumerate(_parts(missing), first):
        _write_shard(folder / f"shard-{number:04d}", model, part)
        done += len(part)
        progress(done)
    return done


def _parts(sequences: list[str]) -> Iterator[list[str]]:
    """The sequences of each shard, in their order."""
    part: list[str] = []
    for sequence in sequences:
        part.append(sequence)
        if sum(map(len, part)) * len(HIDDEN_FRACTIONS) >= SHARD_ROWS:
            yield part
            part = []
    if part:
        yield part


def _write_shard(stem: Path, model: LanguageModel, sequences: list[str]) -> None:
    repeated = [(s, hidden_residues(s, p)) for s in sequences for p in range(len(HIDDEN_FRACTIONS))]
    features = model.embed([s for s, _ in repeated], [mask for _, mask in repeated])
    rows = torch.cat(features).half()
    if not rows.isfinite().all():
        raise ValueError(f"{stem.parent}: features of {model.name} are too large for float16")
    data = save({"features": rows.numpy()})
    index, start = {}, 0
    for sequence in sequences:
        index[key_of(sequence)] = (start, len(sequence))
        start += len(HIDDEN_FRACTIONS) * len(sequence)
    entry = {"sha256": hashlib.sha256(data).hexdigest(), "sequences": index}
    write_bytes(stem.with_suffix(".safetensors"), data)
    write_text(stem.with_suffix(".json"), json.dumps(entry) + "\n")
