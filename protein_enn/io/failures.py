"""The table of files that could not be done: one form for every command that leaves one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from protein_enn.io import atomic

HEADER = ("file", "reason")


def write_failures(path: str | Path, failures: Iterable[tuple[str, str]]) -> None:
    """Write (file, reason) rows as tab-separated text, each once, below a header that is written in any case.

    Reasons stand on one line; a tab, a line end or what is no text in the name of a file is written as an escape.
    """
    rows = dict.fromkeys((_escaped(file), _escaped(" ".join(reason.split()))) for file, reason in failures)
    atomic.write_text(path, "".join("\t".join(row) + "\n" for row in (HEADER, *rows)))


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
