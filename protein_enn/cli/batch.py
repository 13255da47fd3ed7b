"""A command over many files: which files, under which names, and one row for each, come what may."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from protein_enn.cli.options import Reading, Sharding
from protein_enn.cli.output import INTERRUPTED, Progress, check_writable
from protein_enn.cli.processes import in_processes
from protein_enn.io.batch import STDIN, Item, explain, find_items, models

if TYPE_CHECKING:
    from protein_enn.structure import Structure

Row = dict[str, Any]
EVERYTHING = Sharding()
ENDED = "the process ended before its time, for want of memory as a rule; use fewer --processes"
AUDIT_COLUMNS = ("audit_severity", "audit_findings")


def items(
    inputs: Sequence[str],
    sharding: Sharding = EVERYTHING,
    *,
    writes: Sequence[Path | None] = (),
    reads: Sequence[Path | None] = (),
) -> list[Item]:
    """Files behind the inputs, each once, in the order of the inputs; an input that leads to none keeps its error.

    They are the files of all shards: their names, and what must not be overwritten, depend on no shard. The command
    works on `in_shard` them. typer.BadParameter: a list cannot be read; standard input is a terminal, named twice or to
    be shared; a file in `writes`, to which the list of failures is added, is one of the inputs, of what else the
    command `reads`, or written twice. The command stops where a file in `writes` cannot be written.
    """
    given = list(_listed(inputs))
    if STDIN in given:
        _check_stdin(given, sharding)
    batch = find_items(given, stdin=True)
    targets = [path for path in (*writes, sharding.failed) if path is not None]
    if sharding.failed is not None and [path.resolve() for path in targets].count(sharding.failed.resolve()) > 1:
        raise typer.BadParameter(f"--failed {sharding.failed}: another output has this name; write to another file")
    read = [Item(str(path), path.name) for path in reads if path is not None]
    if replaced := overwrites([*batch, *read], targets):
        raise typer.BadParameter(f"the input {replaced} would be overwritten; write to another file")
    for target in targets:
        check_writable(target)
    return batch


def _check_stdin(given: Sequence[str], sharding: Sharding) -> None:
    """typer.BadParameter where standard input cannot be one of the inputs."""
    if given.count(STDIN) > 1:
        raise typer.BadParameter("- is standard input, which can be read once only")
    if sharding.shard is not None:
        raise typer.BadParameter("- is standard input, which has no name to choose a shard by: leave out --shard")
    if sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter("- reads a structure from standard input, which is a terminal: pipe a file in")


def _listed(inputs: Sequence[str]) -> Iterator[str]:
    """The inputs with those of each @LIST in its place; typer.BadParameter for a list that cannot be read."""
    from protein_enn.io.inputs import expand_lists

    for given in inputs:
        try:
            yield from map(str, expand_lists([given]))
        except (ValueError, OSError) as error:
            raise typer.BadParameter(explain(error)) from error


def in_shard(batch: Sequence[Item], sharding: Sharding) -> list[Item]:
    """The items of the shard that is asked for. Each item is in one shard, which the name of its file decides.

    Parameters
    ----------
    batch
        The items of all shards.
    sharding
        The shard; all items where none is asked for.
    """
    shard = sharding.chosen()
    chosen = [item for item in batch if shard is None or shard.holds(item.path)]
    if batch and not chosen:
        typer.echo(f"none of {len(batch)} files falls into shard {sharding.shard}", err=True)
    return chosen


def run(
    batch: Sequence[Item],
    reading: Reading,
    work: Callable[[Item, Structure], list[Row]],
    failed: Callable[[Item, str], Row],
    earlier: Sequence[Row] = (),
    processes: int = 1,
) -> list[Row]:
    """Rows of all items in order, with the audit of what was read; whatever goes wrong with one becomes its row.

    Items that have rows in `earlier` (`continuing.earlier_rows`) keep them. Ctrl-C and SIGTERM end the work: the items
    that are left get rows with the error `INTERRUPTED`, which `deliver` leaves out of tables. With several `processes`
    what `work` keeps besides its rows is lost (`in_processes`).
    """
    kept = {name: list(rows) for name, rows in groupby(earlier, lambda row: row["file"])}
    left = [item for item in batch if item.path not in kept]
    made: dict[str, list[Row]] = {}

    def rows_of(item: Item) -> tuple[list[Row], str | None]:
        return _rows_of(item, reading, work, failed)

    def ended(item: Item) -> tuple[list[Row], str | None]:
        return [failed(item, ENDED)], ENDED

    if any(item.path == STDIN for item in left):
        processes = 1  # another process has no standard input
    with Progress(len(left)) as progress, interruptible():
        try:
            for item, (rows, problem) in zip(left, in_processes(rows_of, left, processes, ended), strict=True):
                made[item.name] = rows
                progress.advance(f"{item.name}: {problem}" if problem else item.name)
        except KeyboardInterrupt:
            made |= {item.name: [failure(item, INTERRUPTED)] for item in left if item.name not in made}
    return [row for item in batch for row in (kept[item.path] if item.path in kept else made[item.name])]


def _rows_of(
    item: Item,
    reading: Reading,
    work: Callable[[Item, Structure], list[Row]],
    failed: Callable[[Item, str], Row],
) -> tuple[list[Row], str | None]:
    """The rows of an item, and the first thing that is wrong with it."""
    if (problem := item.error) is not None:
        return [failed(item, problem)], problem
    try:
        parts = models(item, reading.structures(item.path, item.name))
    except Exception as error:  # the promise to the caller: one bad file never stops a batch
        problem = explain(error)
        return [failed(item, problem)], problem
    rows: list[Row] = []
    for part, structure in parts:
        try:
            new = work(part, structure)
        except Exception as error:  # as above
            new = [failed(part, explain(error))]
        read = structure.audit
        rows += [{**row, **read.summary(), "audit": read.to_dict()} for row in new]
        problem = next((row["error"] for row in new if row.get("error")), problem)
        problem = problem or next((f"done, but {finding.message}" for finding in read.at_least("error")), None)
    return rows, problem


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM, by which schedulers end a job, acts as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread, which alone may say what signals do
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def failure(item: Item, error: str) -> Row:
    """The row of a file that could not be done."""
    return {"name": item.name, "file": item.path, "audit": None, "error": error}


def overwrites(batch: Sequence[Item], targets: Sequence[Path]) -> str | None:
    """An input file that one of the targets would replace, if there is one."""
    inputs = {Path(item.path).resolve(): item.path for item in batch if item.error is None and item.path != STDIN}
    return next((inputs[place] for target in targets if (place := target.resolve()) in inputs), None)


def by_input(rows: list[Row], name: str, columns: tuple[str, ...]) -> list[Row]:
    """For JSON: one object for each structure, with its audit, and these columns of its rows in a list `name`."""
    answer = []
    for _, group in groupby(rows, lambda row: row["name"]):
        members = list(group)
        of_input = {key: value for key, value in members[0].items() if key not in columns}
        parts = [{key: row[key] for key in columns} for row in members if not row.get("error")]
        answer.append({**of_input, name: parts})
    return answer
