"""Clusters of related chains: connected by pairs of 30 % identity over half of the shorter, by either of two searches.

`mmseqs` asks mmseqs2 (Steinegger & Soding (2017) Nat. Biotechnol. 35:1026) for the pairs, `words` is built in
(`data.kmers` proposes, `metrics.alignment` aligns). Of the pairs that mmseqs2 finds at its highest sensitivity the
words find what docs/finetuning.md says.
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
WORDS_VERSION = "1"
"""Raised when the built-in search finds other pairs."""


@dataclass(frozen=True)
class Clustering:
    """How chains were clustered: stands in the provenance of a store."""

    method: str  # mmseqs, words, or table: the clusters were given
    version: str = ""
    identity: float = IDENTITY
    coverage: float = COVERAGE

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        if self.method == "table":
            return "clusters as the table gives them"
        return f"clusters by {self.method} ({self.version}) at {self.identity:.0%} identity"


def choose(method: str, identity: float = IDENTITY) -> Clustering:
    """The clustering a method stands for on this machine; `auto` is mmseqs where it is installed, else words.

    ValueError for an unknown method, and where mmseqs is asked for and absent.
    """
    if method not in METHODS:
        raise ValueError(f"clustering is {method!r}: choose one of {', '.join(METHODS)}")
    if not 0 < identity <= 1:
        raise ValueError(f"identity is {identity}: clusters need a share above 0 and up to 1, such as 0.3")
    found = shutil.which("mmseqs")
    if method == "mmseqs" and found is None:
        raise ValueError("mmseqs is not on the PATH: install mmseqs2, or cluster by words (--cluster words)")
    if method == "words" or found is None:
        return Clustering("words", WORDS_VERSION, identity)
    return Clustering("mmseqs", _run([found, "version"]).strip(), identity)


def cluster(sequences: Sequence[str], clustering: Clustering) -> list[int]:
    """The cluster of each sequence, numbered in the order of their first members. ValueError if mmseqs fails."""
    if clustering.method == "mmseqs":
        pairs: Iterable[tuple[int, int]] = _mmseqs_pairs(sequences, clustering)
        return components(len(sequences), pairs)

    def related(i: int, j: int) -> bool:
        found = homology(sequences[i], sequences[j])
        return found is not None and found.related(clustering.identity, clustering.coverage)

    return components(len(sequences), proposals(sequences), related)


def components(
    count: int, pairs: Iterable[tuple[int, int]], joined: Callable[[int, int], bool] | None = None
) -> list[int]:
    """Connected components, numbered by their first members; `joined` is asked of pairs not yet connected alone."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in pairs:
        a, b = root(i), root(j)
        if a != b and (joined is None or joined(i, j)):
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
        found = set()
        for line in hits.read_text().splitlines():
            query, target, identity, *places = line.split("\t")
            start, end, length, other_start, other_end, other_length = map(int, places)
            shorter = (start, end, length) if length <= other_length else (other_start, other_end, other_length)
            coverage = (shorter[1] - shorter[0] + 1) / shorter[2]
            if query != target and float(identity) >= clustering.identity and coverage >= clustering.coverage:
                found.add((min(int(query), int(target)), max(int(query), int(target))))
    return sorted(found)


def _run(command: list[str]) -> str:
    """Standard output of a program; ValueError with the last line it wrote if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ValueError(f"mmseqs cannot be run ({error}); cluster by words (--cluster words)") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise ValueError(f"mmseqs failed with status {done.returncode}: {said}; or cluster by words (--cluster words)")
    return done.stdout
