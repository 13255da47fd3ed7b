"""What the caches beside a store share: JSON that says what a shard holds, and its sha256."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def read_entry(path: Path, what: str, command: str) -> dict[str, Any]:
    """A JSON object of a cache; ValueError names the `command` that makes it again. `what` is the cache in words."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error}); delete it and run `protein-enn {command}` again") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: not a part of {what}; give the folder that `{command}` wrote")
    return value


def sha256_of(file: Path) -> str:
    """Of the bytes of a file, hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
