"""The table of failed files, in the same form for every command."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from protein_enn.io import atomic

HEADER = ("file", "reason")


def write_failures(path: str | Path, failures: Iterable[tuple[str, str]]) -> None:
    """Write (file, reason) rows as tab-separated text, each once, below a header.

    The header is written without any row too. Reasons are put on one line. A character of a file name that is not
    printable is written as an escape.
    """
    rows = dict.fromkeys((_escape(file), _escape(" ".join(reason.split()))) for file, reason in failures)
    atomic.write_text(path, "".join("\t".join(row) + "\n" for row in (HEADER, *rows)))


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
