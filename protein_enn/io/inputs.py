"""A list of files from names, folders, globs and lists."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from protein_enn.io.errors import UnreadableFileError
from protein_enn.io.formats.table import is_structure_name, suffixes


def find_structures(inputs: Sequence[str | Path]) -> list[Path]:
    """The files that inputs stand for, sorted, each once.

    Parameters
    ----------
    inputs
        File names, folders, globs (also with `**`), and `@LIST`: a text file with one input per line. A named file is
        taken with any suffix. Folders are searched with all their subfolders for names with the suffix of a format.

    Returns
    -------
    list[Path]
        The files.

    Raises
    ------
    UnreadableFileError
        An input matches no file.

    Examples
    --------
    >>> [path.name for path in find_structures(["examples/1b*"])]
    ['1bhl.pdb', '1bhl_perturbed.pdb']
    """
    paths: set[Path] = set()
    for item in expand_lists(inputs):
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
        paths.update(matches)
    return sorted(paths)


def expand_lists(inputs: Sequence[str | Path]) -> list[str | Path]:
    """The inputs, with each `@LIST` replaced by the lines of the file LIST: one input per line, without blank lines.

    Relative paths in a list start from the current folder. Where a file has the name @LIST itself, that file is taken.
    UnreadableFileError for a list that does not exist or is not a list of paths.
    """
    paths: list[str | Path] = []
    for item in inputs:
        if not str(item).startswith("@") or os.path.exists(item):
            paths.append(item)
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
        paths += [os.path.join(os.curdir, line) if line.startswith(("@", "-")) else line for line in lines]
    return paths
