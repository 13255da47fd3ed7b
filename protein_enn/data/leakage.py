"""Train/test overlap without the training sequences: a sketch of the k-mers of each training cluster.

The k-mers `110111` of each cluster (five letters of the twenty) are hashed to 20 bits, and those whose second hash is
below a fraction are kept. A chain overlaps with a cluster where they share more k-mers than by chance: m shared k-mers,
where lambda = size of the cluster x (counts of the k-mers in the other clusters / their size + number of the k-mers /
2^20) are expected, have E = number of clusters x Poisson P(>= m | lambda) < `E_VALUE`. docs/how-to/finetuning.md has
the fraction of relatives that this finds, by identity: nearly all from 60 %, few below 40 %.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from protein_enn import chemistry
from protein_enn.data.store import Store
from protein_enn.io.atomic import write_bytes

PATTERN, BITS, FRACTION = "110111", 20, 0.6
E_VALUE = 0.05
SUFFIX = ".clusters.safetensors"
_SCHEME = f"{PATTERN}/{BITS}/{FRACTION}"
_STEP = 0xFFFF  # in the file: a gap that is longer


@dataclass(frozen=True)
class Match:
    """The training cluster that a sequence is most like."""

    cluster: str
    shared: int  # k-mers
    kmers: int  # of the sequence, after sampling
    e_value: float

    def __str__(self) -> str:
        return (
            f"{self.shared} of {self.kmers} k-mers shared with training cluster {self.cluster}, E = {self.e_value:.1g}"
        )


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """Sketches of clusters: the sorted hashes of each.

    Examples
    --------
    >>> trained = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEK"
    >>> fingerprint = Fingerprint.of([("cluster 1", trained)])
    >>> fingerprint.overlaps(trained[5:45]), fingerprint.overlaps("GSHMWWPPWWPPWWPPHHCCHHCCHHCC")
    (True, False)
    """

    names: tuple[str, ...]
    sketches: tuple[np.ndarray, ...]  # int64, each sorted, below 2^BITS

    @staticmethod
    def of(members: Iterable[tuple[str, str]]) -> Fingerprint:
        """From (cluster, sequence) of the training chains."""
        hashes: dict[str, list[np.ndarray]] = {}
        for name, sequence in members:
            hashes.setdefault(name, []).append(sketch(sequence))
        return Fingerprint(tuple(hashes), tuple(np.unique(np.concatenate(parts)) for parts in hashes.values()))

    @staticmethod
    def of_store(store: Store, pairs: bool) -> Fingerprint:
        """Of the training chains of a store, with or without those that have a model.

        Templates are of natives, which are in the store, but not in one of decoys (`training.decoys`).
        """
        kinds = ["native", *(["pair"] if pairs else []), *(["template"] if store.of_decoys else [])]
        rows = (i for i, r in enumerate(store.records) if r.split == "train" and r.kind in kinds)
        return Fingerprint.of((store.records[i].cluster, store.sequence(i)) for i in rows)

    def __len__(self) -> int:
        return len(self.names)

    def union(self, other: Fingerprint) -> Fingerprint:
        """Clusters of both: those of a fine-tuned model's training, and of its base."""
        return Fingerprint((*self.names, *other.names), (*self.sketches, *other.sketches))

    def part(self, keep: Callable[[str], bool]) -> Fingerprint:
        """The clusters whose names are to be kept."""
        kept = [i for i, name in enumerate(self.names) if keep(name)]
        return Fingerprint(tuple(self.names[i] for i in kept), tuple(self.sketches[i] for i in kept))

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Hashes in order, the cluster of each, how many clusters have each hash, and the sizes of the clusters."""
        sizes = np.array([len(part) for part in self.sketches], dtype=np.int64)
        hashes = np.concatenate([np.zeros(0, dtype=np.int64), *self.sketches])
        owners = np.repeat(np.arange(len(sizes)), sizes)
        order = np.argsort(hashes, kind="stable")
        return hashes[order], owners[order], np.bincount(hashes, minlength=1 << BITS), sizes

    def match(self, sequence: str) -> Match | None:
        """The cluster with the least E-value for a sequence, or None where none is below `E_VALUE`."""
        kmers = sketch(sequence)
        hashes, owners, counts, sizes = self._index
        if not len(kmers) or not len(hashes):
            return None
        first, last = np.searchsorted(hashes, kmers, "left"), np.searchsorted(hashes, kmers, "right")
        rows = np.repeat(last - np.cumsum(last - first), last - first) + np.arange(int((last - first).sum()))
        shared = np.bincount(owners[rows], minlength=len(sizes))
        elsewhere = counts[kmers].sum() - shared  # k-mers common in other clusters, and chance collisions of hashes
        expected = elsewhere * sizes / np.maximum(sizes.sum() - sizes, 1) + len(kmers) * sizes / 2**BITS
        from scipy.stats import poisson  # slow to import, and only this needs it

        e_values = poisson.sf(shared - 1, expected) * len(sizes)
        best = int(np.argmin(e_values))
        if e_values[best] >= E_VALUE or shared[best] < 3:
            return None
        return Match(self.names[best], int(shared[best]), len(kmers), float(e_values[best]))

    def overlaps(self, sequence: str) -> bool:
        """Whether a training cluster is related to a sequence, as far as shared k-mers show."""
        return self.match(sequence) is not None

    def save(self, path: Path) -> None:
        """Two bytes for each k-mer: gaps between the sorted hashes."""
        gaps = [_gaps(part) for part in self.sketches]
        lengths = np.array([len(part) for part in gaps], dtype=np.int32)
        tensors = {"gaps": np.concatenate([np.zeros(0, dtype=np.uint16), *gaps]), "lengths": lengths}
        # One entry: safetensors writes several in an order of its own, and the bytes would differ from run to run.
        metadata = {"fingerprint": json.dumps({"scheme": _SCHEME, "names": self.names})}
        write_bytes(path, save(tensors, metadata))


def sketch(sequence: str) -> np.ndarray:
    """The sampled k-mers of a sequence as sorted hashes below 2^BITS; k-mers with an unknown letter are left out."""
    letters = np.array([chemistry.AMINO_ACIDS.find(letter) for letter in sequence], dtype=np.int64)
    count = len(letters) - len(PATTERN) + 1
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    kmers, known = np.zeros(count, dtype=np.uint64), np.ones(count, dtype=bool)
    for offset in (k for k, mark in enumerate(PATTERN) if mark == "1"):
        letter = letters[offset : offset + count]
        known &= letter >= 0
        kmers = kmers * np.uint64(20) + np.maximum(letter, 0).astype(np.uint64)
    mixed = kmers[known] * np.uint64(0x9E3779B97F4A7C15)  # Stafford's finalizer of 64 bits, shortened
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    kept = (mixed >> np.uint64(40)).astype(np.float64) < FRACTION * 2**24
    return np.unique((mixed[kept] & np.uint64((1 << BITS) - 1)).astype(np.int64))


def _gaps(hashes: np.ndarray) -> np.ndarray:
    """Distance of each hash from the one before (the first from -1), 1 to 65,534; longer ones in steps of 65,535."""
    gaps: list[int] = []
    before = -1
    for value in hashes.tolist():
        steps, gap = divmod(value - before, _STEP)
        if gap == 0:  # a gap of 0 is a whole step that ends at a hash
            steps, gap = steps - 1, 0
        gaps += [_STEP] * steps + [gap]
        before = value
    return np.array(gaps, dtype=np.uint16)


def _hashes(gaps: np.ndarray) -> np.ndarray:
    """The inverse of `_gaps`."""
    steps = np.where(gaps == 0, _STEP, gaps.astype(np.int64))
    return (np.cumsum(steps) - 1)[gaps != _STEP]


def fingerprint_path(weights: str | Path) -> Path:
    """The path of the fingerprint of weights, which are given by shipped name or path; it need not exist."""
    path = Path(weights)
    if path.suffix != ".safetensors":
        path = Path(str(files("protein_enn") / "weights" / f"{weights}.safetensors"))
    return path.with_name(path.name.removesuffix(".safetensors") + SUFFIX)


def load_fingerprint(path: Path) -> Fingerprint | None:
    """A fingerprint, or None if there is no such file. ValueError for another file, or one of another scheme."""
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get("fingerprint", "{}"))
            gaps, lengths = file.get_tensor("gaps"), file.get_tensor("lengths")
            names = tuple(metadata.get("names", ()))
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path}: not a fingerprint of training clusters ({error}); remove it or copy it anew"
        ) from error
    if metadata.get("scheme") != _SCHEME or len(names) != len(lengths) or int(lengths.sum()) != len(gaps):
        raise ValueError(f"{path}: a fingerprint of another version, or damaged; remove it or copy it anew")
    return Fingerprint(names, tuple(_hashes(part) for part in np.split(gaps, np.cumsum(lengths)[:-1])))
