"""What a training has met, without its sequences: a sketch of the words of each training cluster.

Of each cluster the words `110111` (five letters of the twenty) are hashed to 20 bits, and those whose second hash falls
below a fraction are kept. A chain is held to be seen where it shares more of its words with a cluster than chance would
give: m shared words, where lambda = size of the cluster x (counts of the words in the other clusters / their size +
number of the words / 2^20) are expected, have E = number of clusters x Poisson P(>= m | lambda) < `E_VALUE`.
docs/finetuning.md says how many relatives this finds, by identity: nearly all from 60 %, few below 40 %.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from scipy.stats import poisson

from protein_enn import chemistry
from protein_enn.data.store import Store
from protein_enn.io.atomic import write_bytes

PATTERN, BITS, FRACTION = "110111", 20, 0.6
E_VALUE = 0.05
SUFFIX = ".clusters.safetensors"
_SCHEME = f"{PATTERN}/{BITS}/{FRACTION}"
_STEP = 0xFFFF  # in the file: go so far without a word


@dataclass(frozen=True)
class Match:
    """The training cluster that a sequence is most like."""

    cluster: str
    shared: int  # words
    words: int  # of the sequence, after sampling
    e_value: float

    def __str__(self) -> str:
        return (
            f"{self.shared} of {self.words} words shared with training cluster {self.cluster}, E = {self.e_value:.1g}"
        )


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Sketches of clusters: sorted hashes of each, one after the other."""

    names: tuple[str, ...]
    sketches: tuple[np.ndarray, ...]  # int64, each sorted, below 2^BITS

    @staticmethod
    def of(members: Iterable[tuple[str, str]]) -> Fingerprint:
        """From (cluster, sequence) of the training chains."""
        words: dict[str, list[np.ndarray]] = {}
        for name, sequence in members:
            words.setdefault(name, []).append(sketch(sequence))
        return Fingerprint(tuple(words), tuple(np.unique(np.concatenate(parts)) for parts in words.values()))

    @staticmethod
    def of_store(store: Store, pairs: bool) -> Fingerprint:
        """Of the training chains of a store, with or without those that have a model (templates are of natives)."""
        kinds = ("native", "pair") if pairs else ("native",)
        rows = (i for i, r in enumerate(store.records) if r.split == "train" and r.kind in kinds)
        return Fingerprint.of((store.records[i].cluster, store.sequence(i)) for i in rows)

    def __len__(self) -> int:
        return len(self.names)

    def union(self, other: Fingerprint) -> Fingerprint:
        """Clusters of both: what a fine-tuned model has met, with its base."""
        return Fingerprint((*self.names, *other.names), (*self.sketches, *other.sketches))

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Hashes in order, the cluster of each, how many clusters have each hash, and the sizes of the clusters."""
        sizes = np.array([len(part) for part in self.sketches], dtype=np.int64)
        hashes = np.concatenate([np.zeros(0, dtype=np.int64), *self.sketches])
        owners = np.repeat(np.arange(len(sizes)), sizes)
        order = np.argsort(hashes, kind="stable")
        return hashes[order], owners[order], np.bincount(hashes, minlength=1 << BITS), sizes

    def match(self, sequence: str) -> Match | None:
        """The cluster a sequence is most surely related to, or None where nothing goes beyond chance."""
        words = sketch(sequence)
        hashes, owners, counts, sizes = self._index
        if not len(words) or not len(hashes):
            return None
        first, last = np.searchsorted(hashes, words, "left"), np.searchsorted(hashes, words, "right")
        rows = np.repeat(last - np.cumsum(last - first), last - first) + np.arange(int((last - first).sum()))
        shared = np.bincount(owners[rows], minlength=len(sizes))
        others = counts[words].sum() - shared  # what is common elsewhere is no sign; then what equal hashes give
        expected = others * sizes / np.maximum(sizes.sum() - sizes, 1) + len(words) * sizes / 2**BITS
        e_values = poisson.sf(shared - 1, expected) * len(sizes)
        best = int(np.argmin(e_values))
        if e_values[best] >= E_VALUE or shared[best] < 3:
            return None
        return Match(self.names[best], int(shared[best]), len(words), float(e_values[best]))

    def seen(self, sequence: str) -> bool:
        """Whether a training cluster is related to a sequence, as far as shared words show."""
        return self.match(sequence) is not None

    def save(self, path: Path) -> None:
        """Two bytes a word: gaps between the sorted hashes."""
        gaps = [_gaps(part) for part in self.sketches]
        lengths = np.array([len(part) for part in gaps], dtype=np.int32)
        tensors = {"gaps": np.concatenate([np.zeros(0, dtype=np.uint16), *gaps]), "lengths": lengths}
        # One entry: safetensors writes several in an order of its own, and the bytes would differ from run to run.
        facts = {"fingerprint": json.dumps({"scheme": _SCHEME, "names": self.names})}
        write_bytes(path, save(tensors, facts))


def sketch(sequence: str) -> np.ndarray:
    """The sampled words of a sequence as sorted hashes below 2^BITS; words with an unknown letter are none."""
    letters = np.array([chemistry.AMINO_ACIDS.find(letter) for letter in sequence], dtype=np.int64)
    count = len(letters) - len(PATTERN) + 1
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    words, known = np.zeros(count, dtype=np.uint64), np.ones(count, dtype=bool)
    for offset in (k for k, mark in enumerate(PATTERN) if mark == "1"):
        letter = letters[offset : offset + count]
        known &= letter >= 0
        words = words * np.uint64(20) + np.maximum(letter, 0).astype(np.uint64)
    mixed = words[known] * np.uint64(0x9E3779B97F4A7C15)  # Stafford's finaliser of 64 bits, shortened
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    kept = (mixed >> np.uint64(40)).astype(np.float64) < FRACTION * 2**24
    return np.unique((mixed[kept] & np.uint64((1 << BITS) - 1)).astype(np.int64))


def _gaps(hashes: np.ndarray) -> np.ndarray:
    """Distance of each hash from the one before (the first from -1), 1 to 65,534; longer ways in steps of 65,535."""
    found: list[int] = []
    before = -1
    for value in hashes.tolist():
        steps, gap = divmod(value - before, _STEP)
        if gap == 0:  # a gap of 0 stands for a whole step that ends at a word
            steps, gap = steps - 1, 0
        found += [_STEP] * steps + [gap]
        before = value
    return np.array(found, dtype=np.uint16)


def _hashes(gaps: np.ndarray) -> np.ndarray:
    steps = np.where(gaps == 0, _STEP, gaps.astype(np.int64))
    return (np.cumsum(steps) - 1)[gaps != _STEP]


def fingerprint_path(weights: str | Path) -> Path:
    """Where the fingerprint of weights lies, given by shipped name or path; it need not be there."""
    path = Path(weights)
    if path.suffix != ".safetensors":
        path = Path(str(files("protein_enn") / "weights" / f"{weights}.safetensors"))
    return path.with_name(path.name.removesuffix(".safetensors") + SUFFIX)


def load_fingerprint(path: Path) -> Fingerprint | None:
    """A fingerprint, or None if there is no such file. ValueError for a file that is none or of another scheme."""
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("fingerprint", "{}"))
            gaps, lengths = file.get_tensor("gaps"), file.get_tensor("lengths")
            names = tuple(facts.get("names", ()))
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path}: not a fingerprint of training clusters ({error}); remove it or copy it anew"
        ) from error
    if facts.get("scheme") != _SCHEME or len(names) != len(lengths) or int(lengths.sum()) != len(gaps):
        raise ValueError(f"{path}: a fingerprint of another version, or damaged; remove it or copy it anew")
    return Fingerprint(names, tuple(_hashes(part) for part in np.split(gaps, np.cumsum(lengths)[:-1])))
