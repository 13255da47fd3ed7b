"""Clusters of related chains: connected by pairs of 30 % identity over half of the shorter, by either of two searches.

`mmseqs` takes the pairs from mmseqs2 (Steinegger & Soding (2017) Nat. Biotechnol. 35:1026). `words` is built in: k-mers
propose pairs (`data.kmers`), an alignment decides (`metrics.alignment`). docs/how-to/finetuning.md compares the two.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from protein_enn.data.kmers import proposals
from protein_enn.metrics.alignment import homology

METHODS = ("auto", "mmseqs", "words")
IDENTITY, COVERAGE = 0.3, 0.5
SENSITIVITY = "7.5"
KMER_VERSION = "1"
"""Raised when the built-in search by k-mers finds other pairs."""


@dataclass(frozen=True)
class Clustering:
    """How chains were clustered, as the provenance of a store records it."""

    method: str  # mmseqs, words, or table: the clusters were given
    version: str = ""
    identity: float = IDENTITY
    coverage: float = COVERAGE

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        if self.method == "table":
            return "clusters of the table"
        return f"clusters by {self.method} ({self.version}) at {self.identity:.0%} identity"


def choose(method: str, identity: float = IDENTITY) -> Clustering:
    """The clustering of that name on this machine; `auto` is mmseqs where it is installed, else words.

    ValueError for an unknown method, a bad identity, and for mmseqs where it is not installed.
    """
    if method not in METHODS:
        raise ValueError(f"clustering is {method!r}: choose one of {', '.join(METHODS)}")
    if not 0 < identity <= 1:
        raise ValueError(f"identity is {identity}: clusters need a fraction above 0 and up to 1, such as 0.3")
    program = shutil.which("mmseqs")
    if method == "mmseqs" and program is None:
        raise ValueError("mmseqs is not on the PATH: install mmseqs2, or cluster by k-mers (--cluster words)")
    if method == "words" or program is None:
        return Clustering("words", KMER_VERSION, identity)
    return Clustering("mmseqs", _run([program, "version"]).strip(), identity)


def cluster(sequences: Sequence[str], clustering: Clustering) -> list[int]:
    """The cluster of each sequence, numbered in the order of their first members. ValueError if mmseqs fails."""
    if clustering.method == "mmseqs":
        pairs: Iterable[tuple[int, int]] = _mmseqs_pairs(sequences, clustering)
        return components(len(sequences), pairs)

    def related(i: int, j: int) -> bool:
        alignment = homology(sequences[i], sequences[j])
        return alignment is not None and alignment.related(clustering.identity, clustering.coverage)

    return components(len(sequences), proposals(sequences), related)


def components(
    count: int, pairs: Iterable[tuple[int, int]], related: Callable[[int, int], bool] | None = None
) -> list[int]:
    """Connected components, numbered by their first members.

    Parameters
    ----------
    count
        Of the items.
    pairs
        Items that are connected, or may be.
    related
        Whether a pair is connected; all are by default. Called only for pairs that are not connected already.

    Returns
    -------
    list of int
        The component of each item.

    Examples
    --------
    >>> components(5, [(0, 3), (3, 4)])
    [0, 1, 2, 0, 0]
    """
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        a, b = root(i), root(j)
        if a != b and (related is None or related(i, j)):
            parent[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(i), len(numbers)) for i in range(count)]


def _mmseqs_pairs(sequences: Sequence[str], clustering: Clustering) -> list[tuple[int, int]]:
    """Related pairs that a search of all against all finds; the same whatever the number of threads."""
    if len(sequences) < 2:  # an empty file is an error to mmseqs
        return []
    columns = ("query", "target", "fident", "qstart", "qend", "qlen", "tstart", "tend", "tlen")
    with tempfile.TemporaryDirectory() as folder:
        fasta, hits = Path(folder) / "chains.fasta", Path(folder) / "hits.tsv"
        fasta.write_text("".join(f">{i}\n{sequence}\n" for i, sequence in enumerate(sequences)))
        command = ["mmseqs", "easy-search", str(fasta), str(fasta), str(hits), str(Path(folder) / "work")]
        command += ["-s", SENSITIVITY, "-e", "0.001", "--max-seqs", "4000", "--min-seq-id", str(clustering.identity)]
        _run([*command, "--threads", str(os.cpu_count() or 1), "-v", "1", "--format-output", ",".join(columns)])
        pairs = set()
        for line in hits.read_text().splitlines():
            query, target, identity, *ranges = line.split("\t")
            start, end, length, other_start, other_end, other_length = map(int, ranges)
            shorter = (start, end, length) if length <= other_length else (other_start, other_end, other_length)
            coverage = (shorter[1] - shorter[0] + 1) / shorter[2]
            if query != target and float(identity) >= clustering.identity and coverage >= clustering.coverage:
                pairs.add((min(int(query), int(target)), max(int(query), int(target))))
    return sorted(pairs)


def _run(command: list[str]) -> str:
    """Standard output of a program; ValueError with the last line it wrote if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ValueError(f"mmseqs cannot be run ({error}); cluster by k-mers (--cluster words)") from error
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ValueError(f"mmseqs failed with status {done.returncode}: {last}; or cluster by k-mers (--cluster words)")
    return done.stdout
