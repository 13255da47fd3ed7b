"""The manifest `fetched.tsv` of a folder: its files, their sources and checksums."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from protein_enn.io import atomic
from protein_enn.manifest import ManifestError

TABLE = "fetched.tsv"


def _name(file: str) -> str:
    if Path(file).name != file:
        raise ValueError("not a name in the folder")
    return file


@dataclass(frozen=True)
class Row:
    """One fetched file."""

    id: str
    file: Annotated[str, AfterValidator(_name)]  # in the folder
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    source: str  # URL or path

    def line(self) -> str:
        """The line of the table, with its line end."""
        return "\t".join(_cell(str(value)) for value in astuple(self)) + "\n"


_ROW = TypeAdapter(Row)
HEADER = "\t".join(field.name for field in fields(Row)) + "\n"


class Manifest:
    """The manifest of a folder. A row is appended when its file is in place; `close` rewrites the table, sorted.

    A killed run loses at most one row, whose file is fetched again.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / TABLE
        self.rows: dict[str, Row] = {}
        self._lock = threading.Lock()
        if self.path.exists():
            self.rows = {row.file: row for row in _read(self.path)}
        else:
            atomic.write_text(self.path, HEADER)
        self.close()  # removes incomplete and repeated rows

    def intact_row(self, file: str) -> Row | None:
        """The row of a file that exists with the recorded size and sha256; None if it is missing or was changed."""
        row = self.rows.get(file)
        path = self.path.with_name(file)
        if row is None or not path.is_file() or path.stat().st_size != row.bytes:
            return None
        with path.open("rb") as stream:
            return row if hashlib.file_digest(stream, "sha256").hexdigest() == row.sha256 else None

    def add(self, row: Row) -> None:
        """Append the row of a file that is in place now."""
        with self._lock:
            self.rows[row.file] = row
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(handle, row.line().encode())  # one call: no other process sees half a row
            finally:
                os.close(handle)

    def close(self) -> None:
        """Rewrite the table with the files that exist, sorted by id."""
        rows = [row for row in self.rows.values() if self.path.with_name(row.file).is_file()]
        text = HEADER + "".join(row.line() for row in sorted(rows, key=lambda row: (row.id, row.file)))
        if text.encode() != self.path.read_bytes():
            atomic.write_text(self.path, text)


@contextmanager
def exclusive_access(folder: Path) -> Iterator[None]:
    """Lock the folder against other runs, where the system supports it; BlockingIOError when another run holds it."""
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
    """The complete rows. A row that a killed run left damaged is skipped: its file is fetched again."""
    header, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True) or [""]
    if header != HEADER:
        raise ManifestError(
            f"{path}: is not a table of fetched files, whose columns are {', '.join(HEADER.split())};"
            " give another folder, or move it away"
        )
    return [row for line in lines if line.endswith("\n") and (row := _row(line)) is not None]


def _row(line: str) -> Row | None:
    cells = line.removesuffix("\n").split("\t")
    names = [field.name for field in fields(Row)]
    if len(cells) != len(names):
        return None
    try:
        return _ROW.validate_python(dict(zip(names, cells, strict=True)))
    except ValidationError:
        return None


def _cell(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
