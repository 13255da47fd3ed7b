"""Result files: how they are recognized, and their bytes as text, JSON and rows of tables.

A ValueError names the file that is at fault.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from protein_enn.report.contents import Contents

INTEGERS = frozenset({"residues", "scored", "orders", "seed", "steps", "moved", "kept", "reverted", "model", "models",
                      "chains", "atoms", "others", "dropped", "gaps", "error_count", "warning_count",
                      "note_count", "sample", "rank", "target_rank", "net_charge", "cysteines", "glycosylation_motifs",
                      "new_glycosylation_motifs", "clashes", "clashes_after", "outliers_after"})  # fmt: skip
TEXTS = frozenset(
    {"name", "file", "output", "mode", "weights", "weights_sha256", "condition", "precision", "audit_severity",
     "audit_findings", "error", "chain", "icode", "wt", "mutant", "mutations", "number", "reason", "stage", "notes",
     "estimator", "format", "sequence", "reference_sequence", "target", "same_sequence_as", "duplicate_of"}
)  # fmt: skip
"""Columns whose values are text even where they look like numbers."""
GUARDED = re.compile(r"\A'(?=[=+\-@].)")
"""The apostrophe by which a table keeps a spreadsheet from taking a text for a formula."""

PART = re.compile(r"[._-]?(shard[._-]?)?\d+([._-]?of[._-]?\d+)?\Z")
"""The end of a file's name that says which part of the work it is about."""


@dataclass(frozen=True)
class File:
    """A file that may hold results."""

    path: Path

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The header of a table (.csv) or of a tab-separated list (.tsv, .txt); empty for other files."""
        if self.path.suffix == ".csv":
            return tuple(read_text(self.path).split("\n", 1)[0].rstrip("\r").split(","))
        if self.path.suffix not in (".tsv", ".txt"):
            return ()
        try:
            # Anything may be called .txt; what is not text has no such header.
            with self.path.open(encoding="utf-8-sig", errors="replace") as file:
                return tuple(file.readline(1000).rstrip("\r\n").split("\t"))
        except OSError as error:
            raise ValueError(f"{self.path}: cannot be read: {error}") from error

    def is_table(self, *columns: str) -> bool:
        """Whether it is a table with these columns."""
        return self.path.suffix == ".csv" and {*columns} <= {*self.columns}

    def is_list(self, *columns: str) -> bool:
        """Whether it is a tab-separated list with these columns."""
        return self.path.suffix in (".tsv", ".txt") and {*columns} <= {*self.columns}


@dataclass(frozen=True)
class Source:
    """Files of one form: how they are recognized, and the reader, which puts what a file holds into the contents."""

    recognizes: Callable[[File], bool]
    read: Callable[[Path, Contents], None]
    rank: int = 0
    """Where several sources recognize a file, the one of the lowest rank reads it, of these that of the first panel."""


def ends_with(ending: str) -> Callable[[File], bool]:
    """Recognizes files by the end of their names."""
    return lambda file: file.path.name.endswith(ending)


def without_part(stem: str) -> str:
    """A file's stem without its end that says which part of the work it is about: refine_3of8 is refine."""
    return PART.sub("", stem)


def expand(paths: list[Path]) -> list[tuple[Path, bool]]:
    """Files with whether they were named themselves; folders are walked in sorted order."""
    files: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                # A leading dot marks a temporary or hidden file or folder.
                hidden = any(part.startswith(".") for part in inner.relative_to(path).parts)
                if not hidden and inner.is_file():
                    files.setdefault(inner, False)
        elif path.is_file():
            files[path] = True
        else:
            raise ValueError(f"{path}: no such file or folder")
    return list(files.items())


def read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error


def read_json(path: Path) -> object:
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: not valid JSON: {error}") from error


def read_object(path: Path, what: str) -> dict:
    """A JSON file that holds one object."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: {what} must be a JSON object, not {type(value).__name__}")
    return value


def put_under_name(contents: dict[str, dict], path: Path, value: dict) -> None:
    """Under the file's stem; with its folder's name where two files have the same stem."""
    name = path.stem if path.stem not in contents else f"{path.parent.name}/{path.stem}"
    contents[name if name not in contents else str(path)] = value


def read_table(path: Path, texts: frozenset[str] = frozenset()) -> list[dict]:
    """Rows of a table, or of a tab-separated list: numbers as numbers, empty fields as None.

    `texts`: columns whose values are text besides those of `TEXTS`.
    """
    stream = io.StringIO(read_text(path), newline="")
    try:
        # A tab-separated list has no quoting: a quotation mark in a file's name is one.
        reader = (
            csv.DictReader(stream, strict=True)
            if path.suffix == ".csv"
            else csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
        )
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"{path}: line {reader.line_num} does not have as many fields as the header")
            rows.append({key: _value(text, key in TEXTS or key in texts, key in INTEGERS) for key, text in row.items()})
    except csv.Error as error:
        raise ValueError(f"{path}: not a valid table: {error}") from error
    return rows


def _value(text: str, is_text: bool, is_integer: bool) -> object:
    if text == "":
        return None
    if is_text:
        return GUARDED.sub("", text)
    for kind in (int, float) if is_integer else (float,):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
