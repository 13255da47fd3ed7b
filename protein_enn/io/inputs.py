"""From what a user types to a list of files."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from protein_enn.io.errors import UnreadableFileError
from protein_enn.io.files import SUFFIXES


def find_structures(inputs: Sequence[str | Path]) -> list[Path]:
    """Files as named, structure files anywhere below folders, and matches of globs (`**` too); sorted, each once.

    A file named outright is taken whatever its suffix. An input that matches nothing is an UnreadableFileError.
    """
    found: set[Path] = set()
    for item in inputs:
        path = Path(item)
        if path.is_dir():
            matches = [p for p in path.rglob("*") if is_structure_name(p.name) and p.is_file()]
            if not matches:
                known = ", ".join(SUFFIXES)
                raise UnreadableFileError(f"{item}: no structure file in this folder; names end in {known} (also .gz)")
        elif path.exists():
            matches = [path]
        else:
            hits = [Path(p) for p in glob.glob(str(item), recursive=True)]
            matches = [p for p in hits if p.is_file()]
            if not matches:
                raise UnreadableFileError(f"{item}: no such file or folder, and no match as a pattern; check the path")
        found.update(matches)
    return sorted(found)


def is_structure_name(name: str) -> bool:
    """Whether a file name has a structure suffix, with or without .gz; hidden files are passed over."""
    return not name.startswith(".") and name.lower().removesuffix(".gz").endswith(SUFFIXES)
