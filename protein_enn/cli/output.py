"""What the user sees: tables, JSON, CSV files and progress."""

from __future__ import annotations

import errno
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from protein_enn.io.csv_text import csv_text, printable

Row = dict[str, Any]
TIMES = ("seconds", "residues_per_second")
"""Keys of what differs from run to run."""
INTERRUPTED = "interrupted"
"""The error of an item that was not done because the user or a scheduler ended the command."""


class Rate(ProgressColumn):
    """Steps a second, or a minute where a step takes longer than a second."""

    def render(self, task: Task) -> Text:
        """The rate of the last steps; nothing before there is one."""
        if not task.speed:
            return Text("")
        return Text(f"{task.speed:.1f}/s" if task.speed >= 1 else f"{60 * task.speed:.1f}/min")


class Progress:
    """A bar on a terminal, a plain line per step elsewhere; always on standard error."""

    def __init__(self, total: int | None = None) -> None:
        console = Console(stderr=True)
        self.done, self.total = 0, total
        self.bar: Bar | None = None
        if console.is_terminal:
            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                Rate(),
                TimeRemainingColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self.bar = Bar(*columns, console=console, transient=True)
            self.task = self.bar.add_task("", total=total)

    def __enter__(self) -> Progress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def advance(self, line: str) -> None:
        """One step is done; `line` says which."""
        self.show(self.done + 1, self.total or 0, line)

    def show(self, done: int, total: int, line: str) -> None:
        """`done` of `total` steps are done."""
        self.done, self.total, line = done, total, printable(line)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total, description=line)
        else:
            typer.echo(f"[{done}/{total}] {line}", err=True)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json_text(value))


def json_text(value: Any) -> str:
    """JSON that every parser reads: numbers that are not finite become null."""
    return json.dumps(_finite(value), indent=1, allow_nan=False, default=str)


def untimed(value: Any) -> Any:
    """The rows or the record, with None in place of every time and rate of the machine."""
    if isinstance(value, dict):
        return {key: None if str(key) in TIMES else untimed(item) for key, item in value.items()}
    return [untimed(item) for item in value] if isinstance(value, list | tuple) else value


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def deliver(
    rows: Sequence[Row],
    columns: Sequence[str],
    output: Path | None,
    as_json: bool,
    *,
    shown: Sequence[Row] | None = None,
    shown_columns: Sequence[str],
    answer: Any = None,
    run: Row | None = None,
    failed: Path | None = None,
) -> None:
    """Write the rows to a CSV file if there is to be one, print them (`answer`, where given, as JSON), and finish.

    `run`: what made a table of scores, as for `write_rows`; `failed`: as for `finish`.
    """
    if output is not None:
        write_rows(output, done(rows), columns, run)
    if as_json:
        show_json(done(rows) if answer is None else answer)
    else:
        show_rows(done(rows if shown is None else shown), shown_columns)
    finish(rows, failed, output)


def show_rows(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print the chosen columns: a table on a terminal, tab-separated lines elsewhere."""
    if not sys.stdout.isatty():
        typer.echo("\t".join(columns))
        for row in rows:
            typer.echo("\t".join(_cell(row.get(name)) for name in columns))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(_cell(row.get(name)), style="red" if row.get("error") else "") for name in columns))
    Console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else ""
    return printable(str(value))


def write_rows(path: Path, rows: Sequence[Row], columns: Sequence[str], run: Row | None = None) -> None:
    """Write a CSV file with these columns; what is undefined stays empty, and no cell is a formula.

    A table of scores comes with its `run` (`scoring.columns.run_of`): then a sidecar explains its columns.
    """
    write_text(path, csv_text(rows, columns))
    if run is not None:
        write_description(path, columns, run)


def write_description(table: Path, columns: Sequence[str], run: Row) -> None:
    """Write what the columns of a table of scores mean, and its run, to its sidecar `NAME.columns.json`."""
    from protein_enn.scoring.columns import description, sidecar

    write_json(sidecar(table), description(columns, run))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file."""
    write_text(path, json_text(value) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file whole, in a folder that is made if need be, or stop."""
    from protein_enn.io import atomic

    with writing(path):
        atomic.write_text(path, text)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Stop with a line where writing this file fails. Not for the work on one item of a batch, which goes on."""
    try:
        yield
    except OSError as error:
        stop(f"{path}: cannot be written ({error.strerror or error})")


def check_outputs(outputs: Mapping[str, Path | None]) -> None:
    """typer.BadParameter where two of these options name one file."""
    options: dict[Path, str] = {}
    for option, path in outputs.items():
        if path is not None and (other := options.setdefault(path.resolve(), option)) != option:
            raise typer.BadParameter(f"{other} and {option} are one file, {path}")


def check_writable(path: Path) -> None:
    """Stop, before anything is computed, where a file of this name cannot come to be, as far as folders tell."""
    place = Path(os.path.realpath(path))
    folder = next((parent for parent in place.parents if os.path.exists(parent)), place.parent)
    with writing(path):
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def done(rows: Sequence[Row]) -> list[Row]:
    """The rows of what was not interrupted."""
    return [row for row in rows if not str(row.get("error")).endswith(INTERRUPTED)]


def finish(rows: Sequence[Row], failed: Path | None = None, output: Path | None = None) -> None:
    """Say how many inputs failed, and end with exit status 1 if any did; with 130 where the command was interrupted.

    Where they are to be listed in the file `failed`, that is written, whether any did or not, and the status stays 0.
    `output`: the table that was written.
    """
    if len(whole := done(rows)) < len(rows):
        files = [len({row.get("file") for row in some}) for some in (whole, rows)]
        advice = "" if output is None else f"; {output} has them, the same command with --skip-existing does the rest"
        stop(f"interrupted after {files[0]} of {files[1]} files{advice}", 130)
    failures = sum(bool(row.get("error")) for row in rows)
    if failed is not None:
        list_failures(failed, rows)
    elif failures:
        typer.echo(f"{failures} failed: see the column 'error'", err=True)
        raise typer.Exit(1)


def list_failures(path: Path, rows: Sequence[Row]) -> None:
    """Write the file and the error of each row that has one, as `io.failures` does, and say how many there are."""
    from protein_enn.io.failures import write_failures

    found = [(str(row["file"]), str(row["error"])) for row in rows if row.get("error")]
    with writing(path):
        write_failures(path, found)
    if found:
        typer.echo(f"{len(found)} failed: listed in {path}", err=True)


@contextmanager
def explained() -> Iterator[None]:
    """Bad data, settings or files end the command with one line and exit status 1."""
    try:
        yield
    except typer.Exit:  # a RuntimeError too
        raise
    except (ValueError, OSError, RuntimeError) as error:
        stop(str(error) or type(error).__name__)


def stop(message: str, status: int = 1) -> NoReturn:
    """End the command with a message."""
    typer.echo(f"error: {printable(' '.join(message.split()))}", err=True)
    raise typer.Exit(status)
