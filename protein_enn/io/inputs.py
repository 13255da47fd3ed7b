"""From what a user types to a list of files."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from protein_enn.io.errors import UnreadableFileError
from protein_enn.io.formats.table import is_structure_name, suffixes


def find_structures(inputs: Sequence[str | Path]) -> list[Path]:
    """Files as named, structure files anywhere below folders, matches of globs (`**` too), and what stands in @LIST.

    Sorted, each once.

    A file named outright is taken whatever its suffix. An input that matches nothing is an UnreadableFileError.
    """
    found: set[Path] = set()
    for item in without_lists(inputs):
        path = Path(item)
        if path.is_dir():
            matches = [p for p in path.rglob("*") if is_structure_name(p.name) and p.is_file()]
            if not matches:
                known = ", ".join(suffixes())
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


def without_lists(inputs: Sequence[str | Path]) -> list[str | Path]:
    """The inputs, with each `@LIST` replaced by the lines of the file LIST: one input a line, blank lines aside.

    What such a line names is seen from the current folder. A file that is itself called @... goes before a list.
    UnreadableFileError if there is no such list, or it is not a list of paths.
    """
    found: list[str | Path] = []
    for item in inputs:
        if not str(item).startswith("@") or os.path.exists(item):
            found.append(item)
            continue
        try:
            data = Path(str(item)[1:]).read_bytes()
        except OSError as error:
            raise UnreadableFileError(f"{item}: the list cannot be read ({error.strerror or error})") from error
        if b"\0" in data:
            raise UnreadableFileError(f"{item}: not a list of paths; @ goes before a text file with one path a line")
        lines = [line for line in map(os.fsdecode, data.removeprefix(b"\xef\xbb\xbf").splitlines()) if line.strip()]
        if not lines:
            raise UnreadableFileError(f"{item}: the list names no file; write one path a line")
        # In a list "-" and "@" have no meaning of their own.
        found += [os.path.join(os.curdir, line) if line.startswith(("@", "-")) else line for line in lines]
    return found
