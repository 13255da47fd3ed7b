"""A list of entries into a folder: what is there stays, what is missing is brought, what fails has its reason."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from protein_enn.io import atomic
from protein_enn.io.fetch.contents import settle
from protein_enn.io.fetch.errors import FetchError, PassingError, StoppedError
from protein_enn.io.fetch.identifiers import Identifier
from protein_enn.io.fetch.manifest import Ledger, Row, alone_in
from protein_enn.io.fetch.retries import Manners, Pace
from protein_enn.io.fetch.sources import Folder, Source
from protein_enn.io.fetch.transfer import NO_PLACE, discard, download
from protein_enn.io.formats.table import endings

PARTS = ".fetch"
"""Folder of transfers that are not done yet, inside the one that is filled."""
Progress = Callable[[str], None]


@dataclass
class Outcome:
    """What became of a list of entries."""

    fetched: list[Row] = field(default_factory=list)
    kept: list[Row] = field(default_factory=list)  # were there already, and whole
    failures: dict[str, str] = field(default_factory=dict)  # reason by id


def fetch(
    entries: Sequence[Identifier],
    source: Source,
    folder: Path,
    *,
    format: str = "cif.gz",
    manners: Manners | None = None,
    link: bool = False,
    progress: Progress = lambda line: None,
) -> Outcome:
    """Bring entries into a folder as `NAME.FORMAT`, with `fetched.tsv` beside them.

    A file that is there and matches its row in `fetched.tsv` (bytes, sha256) is kept. A transfer that broke off is gone
    on with where the server can tell that the file is the same (ETag or Last-Modified). What comes is checked (length,
    gzip checksum, format, the entry's own id, atoms) before it gets its name. A failure is a reason, never an end.

    Parameters
    ----------
    entries
        Of `read_identifiers`.
    source
        Of `source_of`.
    format
        Cif, pdb or bcif, each also with .gz; packed or unpacked on the way where the source has it otherwise.
    link
        From a folder: hard links instead of copies, where the file system can and no packing is needed.
    progress
        Called with a line when an entry is done.

    Raises
    ------
    ValueError
        An unknown format, a folder to which the source would be written back, or one with another table.
    OSError
        The folder cannot be written to, the disk is full, or another run is at work there.
    """
    if format not in endings():
        raise ValueError(f"no format {format!r}; there are {', '.join(endings())}")
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Folder) and source.template is None and source.place.resolve() == folder.resolve():
        raise ValueError(f"{folder}: is the source itself; give another folder to write to")
    manners = manners or Manners()
    try:
        with alone_in(folder):
            run = _Run(source, folder, format, manners, link, Pace(manners.delay), Ledger(folder))
            return run.all(entries, progress)
    except BlockingIOError as error:
        raise OSError(f"{folder}: another run is fetching into it; wait for it, or give another folder") from error


@dataclass
class _Run:
    source: Source
    folder: Path
    format: str
    manners: Manners
    link: bool
    pace: Pace
    ledger: Ledger
    silent: int = 0  # entries in a row that brought no answer

    def all(self, entries: Sequence[Identifier], progress: Progress) -> Outcome:
        outcome = Outcome()
        parts = self.folder / PARTS
        parts.mkdir(exist_ok=True)
        waiting = iter(entries)
        running: dict[Future[tuple[Row, bool]], Identifier] = {}
        with ThreadPoolExecutor(self.manners.connections) as pool:
            try:
                while True:
                    for entry in waiting:
                        running[pool.submit(self.one, entry)] = entry
                        if len(running) >= self.manners.connections:
                            break
                    if not running:
                        break
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        progress(self.note(outcome, running.pop(done), done))
            finally:  # also when the user interrupts: threads end at their next step, tables are true
                self.pace.stopped.set()
        self.ledger.close()
        if not any(parts.iterdir()):
            parts.rmdir()
        return outcome

    def note(self, outcome: Outcome, entry: Identifier, done: Future[tuple[Row, bool]]) -> str:
        """Enter what became of an entry; the line to show. OSError where going on makes no sense."""
        try:
            row, fresh = done.result()
        except OSError as error:
            if error.errno in NO_PLACE:
                raise
            reason = f"{error.strerror or error}"
        except FetchError as error:
            reason = str(error)
            if not isinstance(error, StoppedError):
                self.silent = self.silent + 1 if isinstance(error, PassingError) and not error.answered else 0
        else:
            self.silent = 0
            (outcome.fetched if fresh else outcome.kept).append(row)
            return f"{entry.name}: {row.bytes} bytes" if fresh else f"{entry.name}: kept"
        outcome.failures[entry.name] = reason
        return f"{entry.name}: {reason}"

    def one(self, entry: Identifier) -> tuple[Row, bool]:
        """The row of an entry, and whether its file is new."""
        file = f"{entry.name}.{self.format}"
        if (row := self.ledger.whole(file)) is not None:
            return row, False
        if self.silent >= self.manners.give_up:
            raise StoppedError(f"not tried: the server gave no answer {self.silent} times in a row; try again later")
        target = self.folder / file
        if isinstance(self.source, Folder):
            path = self.source.find(entry, self.format)
            came_from, held = str(path), self._local(path)
            data = settle(held, entry, self.format)
            if not (self.link and data == held and _linked(path, target)):
                atomic.write_bytes(target, data)
        else:
            came_from = self.source.address(entry, self.format)
            part = self.folder / PARTS / f"{file}.part"
            data = self._from_server(came_from, part, entry)
            atomic.write_bytes(target, data)
            discard(part)
        row = Row(entry.name, file, hashlib.sha256(data).hexdigest(), len(data), came_from)
        self.ledger.add(row)
        return row, True

    def _local(self, path: Path) -> bytes:
        try:
            if (size := path.stat().st_size) > self.manners.most:
                raise FetchError(f"{path}: {size} bytes, more than the cap of {self.manners.most}")
            return path.read_bytes()
        except OSError as error:  # of this file alone, unlike those of the folder that is filled
            raise FetchError(f"{path}: cannot be read ({error.strerror or error})") from error

    def _from_server(self, url: str, part: Path, entry: Identifier) -> bytes:
        """The file's bytes, checked; tried again after passing failures, later each time."""
        for trial in range(self.manners.retries + 1):
            self.pace.turn()
            try:
                download(
                    url, part, timeout=self.manners.timeout, most=self.manners.most, alive=lambda: self.pace.rest(0.0)
                )
                return self._checked(part, entry)
            except PassingError as error:
                if trial == self.manners.retries:
                    raise
                self._wait(error, trial)
        raise AssertionError("the last trial returns or raises")

    def _checked(self, part: Path, entry: Identifier) -> bytes:
        try:
            return settle(part.read_bytes(), entry, self.format)
        except FetchError:
            discard(part)  # whole, but wrong: nothing to go on with
            raise

    def _wait(self, error: PassingError, trial: int) -> None:
        if error.wait is None:
            self.pace.rest(min(self.manners.backoff * 2**trial, self.manners.patience))
            return
        if error.wait > self.manners.patience:
            raise FetchError(f"{error}; it asks to wait {error.wait:.0f} s") from error
        self.pace.hold(error.wait)


def _linked(path: Path, target: Path) -> bool:
    """Put a hard link to `path` at `target`; False where the file system cannot."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        temporary.unlink(missing_ok=True)
        os.link(path.resolve(), temporary)
        os.replace(temporary, target)
    except OSError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
