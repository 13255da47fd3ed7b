"""Bytes of result files to text, JSON and rows of tables; a ValueError names the file that is at fault."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

INTEGERS = frozenset({"residues", "scored", "orders", "seed", "steps", "moved", "kept", "reverted", "model", "models",
                      "chains", "atoms", "others", "dropped", "gaps", "error_count", "warning_count",
                      "note_count"})  # fmt: skip
TEXTS = frozenset(
    {"name", "file", "output", "mode", "weights", "weights_sha256", "condition", "audit_severity", "audit_findings",
     "error", "chain", "icode", "wt", "mutant", "mutations", "number", "reason", "stage", "notes", "estimator",
     "format", "sequence"}
)  # fmt: skip
GUARDED = re.compile(r"\A'(?=[=+\-@].)")
"""The apostrophe by which a table keeps a spreadsheet from taking a text for a formula."""


def expand(paths: list[Path]) -> list[tuple[Path, bool]]:
    """Files with whether they were named themselves; folders are walked in sorted order."""
    found: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                # A leading dot marks a temporary or hidden file or folder.
                hidden = any(part.startswith(".") for part in inner.relative_to(path).parts)
                if not hidden and inner.is_file():
                    found.setdefault(inner, False)
        elif path.is_file():
            found[path] = True
        else:
            raise ValueError(f"{path}: no such file or folder")
    return list(found.items())


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


def read_table(path: Path, delimiter: str = ",") -> tuple[set[str], list[dict]]:
    """Column names and rows of a table; numbers as numbers, empty fields as None."""
    stream = io.StringIO(read_text(path), newline="")
    try:
        # A tab-separated list has no quoting: a quotation mark in a file's name is one.
        reader = (
            csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
            if delimiter == "\t"
            else csv.DictReader(stream, delimiter=delimiter, strict=True)
        )
        columns = {name for name in reader.fieldnames or () if name}
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"{path}: line {reader.line_num} does not have as many fields as the header")
            rows.append({key: _value(key, text) for key, text in row.items()})
    except csv.Error as error:
        raise ValueError(f"{path}: not a valid table: {error}") from error
    return columns, rows


def _value(column: str, text: str) -> object:
    if text == "":
        return None
    if column in TEXTS:
        return GUARDED.sub("", text)
    try:
        return int(text) if column in INTEGERS else float(text)
    except ValueError:
        return text
