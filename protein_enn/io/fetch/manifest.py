"""`fetched.tsv`: what is in a folder, where it came from, and by what it is known to be whole."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from protein_enn.io import atomic

TABLE = "fetched.tsv"


@dataclass(frozen=True)
class Row:
    """One file."""

    id: str
    file: str  # name in the folder
    sha256: str
    bytes: int
    source: str  # URL or path

    def line(self) -> str:
        """Its row, with the line end."""
        return "\t".join(_cell(str(value)) for value in astuple(self)) + "\n"


HEADER = "\t".join(field.name for field in fields(Row)) + "\n"


class Ledger:
    """The table of a folder. A row is appended when its file is in place; `close` writes the table anew, in order.

    So a run that is killed loses one row at most, whose file is then fetched again.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / TABLE
        self.rows: dict[str, Row] = {}
        self._lock = threading.Lock()
        if self.path.exists():
            self.rows = {row.file: row for row in _read(self.path)}
        else:
            atomic.write_text(self.path, HEADER)
        self.close()  # without torn or doubled rows

    def whole(self, file: str) -> Row | None:
        """The row of a file that is there as the table says; None where it is missing or was changed."""
        row = self.rows.get(file)
        path = self.path.with_name(file)
        if row is None or not path.is_file() or path.stat().st_size != row.bytes:
            return None
        with path.open("rb") as stream:
            return row if hashlib.file_digest(stream, "sha256").hexdigest() == row.sha256 else None

    def add(self, row: Row) -> None:
        """Note a file that is in place now."""
        with self._lock:
            self.rows[row.file] = row
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(handle, row.line().encode())  # one call: no other process sees half a row
            finally:
                os.close(handle)

    def close(self) -> None:
        """Write the table anew: the files that are there, by id."""
        rows = [row for row in self.rows.values() if self.path.with_name(row.file).is_file()]
        text = HEADER + "".join(row.line() for row in sorted(rows, key=lambda row: (row.id, row.file)))
        if text.encode() != self.path.read_bytes():
            atomic.write_text(self.path, text)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of the folder meanwhile, where the system can; BlockingIOError when one is there."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        yield
    finally:
        os.close(handle)


def _read(path: Path) -> list[Row]:
    header, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) or [""]
    if header != HEADER:
        raise ValueError(f"{path}: is not a table of fetched files; give another folder, or move it away")
    found = []
    for line in lines:
        cells = line.removesuffix("\n").split("\t")
        if line.endswith("\n") and len(cells) == 5 and cells[3].isdecimal() and Path(cells[1]).name == cells[1]:
            found.append(Row(cells[0], cells[1], cells[2], int(cells[3]), cells[4]))
    return found


def _cell(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
