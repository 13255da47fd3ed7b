"""Fetch a list of entries into a folder: intact files are kept, missing ones fetched, failures reported."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from protein_enn.io import atomic
from protein_enn.io.fetch.contents import check_content
from protein_enn.io.fetch.errors import FetchError, StoppedError, TransientError
from protein_enn.io.fetch.identifiers import Identifier
from protein_enn.io.fetch.manifest import Manifest, Row, exclusive_access
from protein_enn.io.fetch.retries import Pace, RetryPolicy
from protein_enn.io.fetch.sources import Folder, Source
from protein_enn.io.fetch.transfer import DISK_ERRORS, discard, download
from protein_enn.io.formats.table import endings

PARTS = ".fetch"
"""Folder of incomplete transfers, inside the target folder."""
Progress = Callable[[str], None]


@dataclass
class Outcome:
    """The results for a list of entries."""

    fetched: list[Row] = field(default_factory=list)
    kept: list[Row] = field(default_factory=list)  # existed already, intact
    failures: dict[str, str] = field(default_factory=dict)  # reason by id


def fetch(
    entries: Sequence[Identifier],
    source: Source,
    folder: Path,
    *,
    format: str = "cif.gz",
    policy: RetryPolicy | None = None,
    link: bool = False,
    progress: Progress = lambda line: None,
) -> Outcome:
    """Fetch entries into a folder as `NAME.FORMAT`, with the manifest `fetched.tsv`.

    A file that matches its row in the manifest (bytes, sha256) is kept. An interrupted transfer is resumed where the
    server confirms that the file is the same (ETag or Last-Modified). Content is checked (length, gzip checksum,
    format, the id in the file, atoms) before the file gets its name. A failure does not stop the others.

    Parameters
    ----------
    entries
        From `read_identifiers`.
    source
        From `source_of`.
    folder
        The target; made if need be.
    format
        "cif", "pdb" or "bcif", each also with ".gz". Files are compressed or decompressed where the source differs.
    policy
        Limits on requests and retries.
    link
        From a folder: hard links instead of copies, where the file system supports them and the bytes are the same.
    progress
        Called with a line after each entry.

    Returns
    -------
    Outcome
        Rows of fetched and of kept files, and the reasons of failures by id.

    Raises
    ------
    ValueError
        An unknown format, a folder that is the source itself, or one with another kind of table.
    OSError
        The folder is not writable, the disk is full, or another run is using the folder.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> entries, _ = read_identifiers(["1bhl"])
    >>> outcome = fetch(entries, source_of("examples"), Path(mkdtemp()), format="pdb.gz")
    >>> [(row.id, row.file) for row in outcome.fetched]
    [('1bhl', '1bhl.pdb.gz')]
    """
    if format not in endings():
        raise ValueError(f"no format {format!r}; there are {', '.join(endings())}")
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(source, Folder) and source.template is None and source.place.resolve() == folder.resolve():
        raise ValueError(f"{folder}: is the source itself; give another folder to write to")
    policy = policy or RetryPolicy()
    try:
        with exclusive_access(folder):
            run = _Run(source, folder, format, policy, link, Pace(policy.delay), Manifest(folder))
            return run.fetch_all(entries, progress)
    except BlockingIOError as error:
        raise OSError(f"{folder}: another run is fetching into it; wait for it, or give another folder") from error


@dataclass
class _Run:
    source: Source
    folder: Path
    format: str
    policy: RetryPolicy
    link: bool
    pace: Pace
    manifest: Manifest
    unanswered: int = 0  # entries in a row that brought no answer

    def fetch_all(self, entries: Sequence[Identifier], progress: Progress) -> Outcome:
        outcome = Outcome()
        parts = self.folder / PARTS
        parts.mkdir(exist_ok=True)
        waiting = iter(entries)
        running: dict[Future[tuple[Row, bool]], Identifier] = {}
        with ThreadPoolExecutor(self.policy.connections) as pool:
            try:
                while True:
                    for entry in waiting:
                        running[pool.submit(self.fetch_one, entry)] = entry
                        if len(running) >= self.policy.connections:
                            break
                    if not running:
                        break
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        progress(self.record(outcome, running.pop(done), done))
            finally:  # also when the user interrupts: threads end at their next step
                self.pace.stopped.set()
        self.manifest.close()
        if not any(parts.iterdir()):
            parts.rmdir()
        return outcome

    def record(self, outcome: Outcome, entry: Identifier, done: Future[tuple[Row, bool]]) -> str:
        """Record the result of an entry and return the line to show; OSError where all others would fail too."""
        try:
            row, fresh = done.result()
        except OSError as error:
            if error.errno in DISK_ERRORS:
                raise
            reason = f"{error.strerror or error}"
        except FetchError as error:
            reason = str(error)
            if not isinstance(error, StoppedError):
                self.unanswered = self.unanswered + 1 if isinstance(error, TransientError) and not error.answered else 0
        else:
            self.unanswered = 0
            (outcome.fetched if fresh else outcome.kept).append(row)
            return f"{entry.name}: {row.bytes} bytes" if fresh else f"{entry.name}: kept"
        outcome.failures[entry.name] = reason
        return f"{entry.name}: {reason}"

    def fetch_one(self, entry: Identifier) -> tuple[Row, bool]:
        """The row of an entry, and whether its file was fetched now."""
        file = f"{entry.name}.{self.format}"
        if (row := self.manifest.intact_row(file)) is not None:
            return row, False
        if self.unanswered >= self.policy.give_up:
            raise StoppedError(
                f"not tried: the server gave no answer {self.unanswered} times in a row; try again later"
            )
        target = self.folder / file
        if isinstance(self.source, Folder):
            path = self.source.find(entry, self.format)
            address, original = str(path), self._local(path)
            data = check_content(original, entry, self.format)
            if not (self.link and data == original and _hard_link(path, target)):
                atomic.write_bytes(target, data)
        else:
            address = self.source.address(entry, self.format)
            part = self.folder / PARTS / f"{file}.part"
            data = self._from_server(address, part, entry)
            atomic.write_bytes(target, data)
            discard(part)
        row = Row(entry.name, file, hashlib.sha256(data).hexdigest(), len(data), address)
        self.manifest.add(row)
        return row, True

    def _local(self, path: Path) -> bytes:
        try:
            if (size := path.stat().st_size) > self.policy.most:
                raise FetchError(f"{path}: {size} bytes, more than the cap of {self.policy.most}")
            return path.read_bytes()
        except OSError as error:  # concerns this file alone, unlike an error of the target folder
            raise FetchError(f"{path}: cannot be read ({error.strerror or error})") from error

    def _from_server(self, url: str, part: Path, entry: Identifier) -> bytes:
        """The checked bytes of the file; transient failures are retried after growing waits."""
        for trial in range(self.policy.retries + 1):
            self.pace.wait_for_request()
            try:
                download(
                    url,
                    part,
                    timeout=self.policy.timeout,
                    most=self.policy.most,
                    check_stopped=lambda: self.pace.sleep(0.0),
                )
                return self._check_part(part, entry)
            except TransientError as error:
                if trial == self.policy.retries:
                    raise
                self._wait(error, trial)
        raise AssertionError("the last trial returns or raises")

    def _check_part(self, part: Path, entry: Identifier) -> bytes:
        try:
            return check_content(part.read_bytes(), entry, self.format)
        except FetchError:
            discard(part)  # complete but wrong: it cannot be resumed
            raise

    def _wait(self, error: TransientError, trial: int) -> None:
        if error.wait is None:
            self.pace.sleep(min(self.policy.backoff * 2**trial, self.policy.patience))
            return
        if error.wait > self.policy.patience:
            raise FetchError(f"{error}; it asks to wait {error.wait:.0f} s") from error
        self.pace.postpone(error.wait)


def _hard_link(path: Path, target: Path) -> bool:
    """Put a hard link to `path` at `target`; False where the file system does not support it."""
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
