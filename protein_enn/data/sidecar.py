"""What caches of a store have in common: a JSON sidecar of each shard with its contents and its sha256."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def read_entry(path: Path, what: str, command: str) -> dict[str, Any]:
    """Reads a sidecar.

    Parameters
    ----------
    path
        Of the JSON file.
    what
        The kind of cache, for messages: "a cache of embeddings".
    command
        The subcommand of `protein-enn` that writes the cache.

    Raises
    ------
    ValueError
        The file is damaged, or holds something else; the message names the command that writes it again.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error}); delete it and run `protein-enn {command}` again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: not a part of {what}; give the folder that `{command}` wrote")
    return value


def sha256_of(file: Path) -> str:
    """The sha256 of a file, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
