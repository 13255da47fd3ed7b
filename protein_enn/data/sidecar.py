"""The JSON of caches of a store: a head, and for each shard its contents and its sha256."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from pydantic import ConfigDict

from protein_enn.manifest import Fields, Version, parse

T = TypeVar("T")


class Teacher(Fields):
    """The teacher of labels; what else describes it is kept."""

    model_config = ConfigDict(extra="allow")

    name: str
    sha256: str


class LabelsHead(Version):
    """The fields of `labels.json`."""

    teacher: Teacher
    condition: str
    manifest_sha256: str


class LabelsEntry(Fields):
    """The JSON of a shard of labels."""

    sha256: str
    records: list[tuple[int, int, int, bool, str]]  # record, first row, residues, alone, digest
    skipped: list[tuple[int, str]]


class EmbeddingWeights(Fields):
    """The language model of embeddings; what else describes it is kept."""

    model_config = ConfigDict(extra="allow")

    name: str
    sha256: str
    width: int


class EmbeddingsHead(Version):
    """The JSON of a cache of embeddings."""

    shares: list[float]
    weights: EmbeddingWeights


class EmbeddingsEntry(Fields):
    """The JSON of a shard of embeddings."""

    sha256: str
    sequences: dict[str, tuple[int, int]]  # first row and residues, by key


def read_entry(kind: type[T], path: Path, command: str) -> T:
    """Reads a sidecar.

    Parameters
    ----------
    kind
        Its fields.
    path
        Of the JSON file.
    command
        The subcommand of `protein-enn` that writes the cache.

    Raises
    ------
    ManifestError
        The file is damaged, or holds something else; the message names the command that writes it again.
    """
    return parse(kind, path.read_bytes(), path, f"delete it and run `protein-enn {command}` again")


def sha256_of(file: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
