"""Which files and ids the entries of a configuration stand for."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from protein_enn.io.formats.table import is_structure_name
from protein_enn.workflow.settings import Fetch


def find_files(entries: Sequence[str], key: str) -> tuple[list[str], list[str]]:
    """The files of entries, sorted, each once; and a message for every entry without files or with an invalid name."""
    names: set[str] = set()
    problems = []
    for entry in _lines(entries):
        path = Path(entry)
        if path.is_dir():
            hits = [p for p in path.rglob("*") if is_structure_name(p.name)]
        else:
            hits = [path] if path.is_file() else [Path(p) for p in glob.glob(entry, recursive=True)]
        files = {str(p) for p in hits if p.is_file()}
        if not files:
            problems.append(f"{key}: {entry} matches no structure file; check the path, relative to {Path.cwd()}")
        names |= files
    problems += [
        f"{key}: {name!r}: rename this file; Snakemake takes no braces, line breaks or quotes in names"
        for name in sorted(names)
        if any(letter in name for letter in "{}\n\r\"'")
    ]
    return sorted(names), problems


def _lines(entries: Iterable[str]) -> list[str]:
    """The entries, with each `@FILE` replaced by its lines; the entry of a missing file stays and matches no file."""
    lines: list[str] = []
    for entry in entries:
        file = Path(entry[1:])
        lists = entry.startswith("@") and file.is_file()
        lines += [line.strip() for line in file.read_text().splitlines() if line.strip()] if lists else [entry]
    return lines


def fetched_ids(fetch: Fetch) -> tuple[list[str], list[str]]:
    """The ids to fetch, each once; and a message for a missing file and for each invalid id."""
    ids = list(fetch.ids)
    if fetch.ids_file:
        if not Path(fetch.ids_file).is_file():
            return ids, [f"fetch.ids_file: {fetch.ids_file}: no such file"]
        text = Path(fetch.ids_file).read_text(encoding="utf-8")
        ids += [name for line in text.splitlines() for name in re.split(r"[\s,]+", line.partition("#")[0]) if name]
    strange = [name for name in ids if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)]
    return list(dict.fromkeys(ids)), [f"fetch: {name!r} is no id, such as 1abc or AF-P12345-F1" for name in strange]
