"""A function over many structure files: one result for each, in order, whatever goes wrong with one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from protein_enn.data.jobs import in_order
from protein_enn.io import read_models, read_structure
from protein_enn.io.batch import Item, explain, find_items, models

T = TypeVar("T")


@dataclass(frozen=True)
class FileResult(Generic[T]):
    """What a function gave for a structure, or why there is nothing."""

    file: str  # as it was found
    name: str  # unique among the results, as in the tables of the commands
    value: T | None  # None where it failed
    error: str | None = None  # in one line


def each(
    inputs: str | Path | Sequence[str | Path],
    work: Callable[..., T],
    *,
    processes: int = 1,
    reading: Mapping[str, Any] | None = None,
    all_models: bool = False,
    **options: Any,
) -> Iterator[FileResult[T]]:
    """Do the same with many structure files.

    The results come one by one, in the order of the inputs, as the files are done. Weights are loaded once by each
    process.

    Parameters
    ----------
    inputs
        Files, folders, patterns and @LIST, one or several, as the commands take them.
    work
        Called with each structure: `score`, `refine`, `pack`, `scan`, `design`, or a function of your own.
    processes
        How many, of one thread each if there are several. They start anew, so a script that uses several needs
        ``if __name__ == "__main__":``, and `work` must be importable: no lambda, no function of a notebook.
    reading
        Arguments of `read_structure`, such as ``{"assembly": "1"}``.
    all_models
        Whether each model of a file has its result, named NAME_model1 and so on.
    options
        Further arguments of `work`. Give weights by name or path.

    Yields
    ------
    FileResult
        The file, its name, and the value or the error.

    Raises
    ------
    ValueError
        Less than one process, or work that other processes cannot import. What is wrong with a file is in its result.

    Examples
    --------
    >>> import protein_enn as pe
    >>> for one in pe.each(["examples/1bhl.pdb", "examples/none.pdb"], pe.score, orders=1):
    ...     print(one.name, one.error or round(one.value.mean, 1))
    1bhl -1.8
    none examples/none.pdb: no such file or folder, and no match as a pattern; check the path
    """
    if processes < 1:
        raise ValueError(f"processes={processes}: at least one is needed")
    batch = find_items([str(path) for path in ([inputs] if isinstance(inputs, str | Path) else inputs)])
    task = _Task(partial(work, **options), dict(reading or {}), all_models)
    if processes > 1:
        try:
            ForkingPickler.dumps(task)
        except Exception as error:  # pickle raises several kinds
            raise ValueError(
                f"processes={processes}: other processes cannot import what is to be done ({explain(error)}); give a "
                "function of a module, or processes=1"
            ) from error
    return _results(batch, task, processes)


@dataclass(frozen=True)
class _Task:
    """What is done with a file."""

    work: Callable[..., Any]
    reading: dict[str, Any]
    all_models: bool

    def __call__(self, item: Item) -> list[FileResult[Any]]:
        """The results of a file, one for each model."""
        try:
            if item.error is not None:
                return [FileResult(item.path, item.name, None, item.error)]
            read = read_models if self.all_models else _read_one
            parts = models(item, read(item.path, name=item.name, **self.reading))
        except Exception as error:  # one bad file never stops the others
            return [FileResult(item.path, item.name, None, explain(error))]
        results = []
        for part, structure in parts:
            try:
                results.append(FileResult(part.path, part.name, self.work(structure)))
            except Exception as error:  # as above
                results.append(FileResult(part.path, part.name, None, explain(error)))
        return results


def _read_one(path: str, **how: Any) -> list[Any]:
    """The structure of a file."""
    return [read_structure(path, **how)]


def _results(batch: Sequence[Item], task: _Task, processes: int) -> Iterator[FileResult[Any]]:
    """The results of all files."""
    if processes == 1:
        for item in batch:
            yield from task(item)
        return
    context = get_context("spawn")  # a copy of a process that has computed with torch may hang
    with ProcessPoolExecutor(processes, context, _prepare, (task,)) as pool:
        try:
            for results in in_order(pool, _do, batch):
                yield from results
        finally:  # where the caller stops early, what is not begun is not done
            pool.shutdown(wait=False, cancel_futures=True)


_PREPARED: list[_Task] = []
"""The task of this process, which is sent to it once."""


def _prepare(task: _Task) -> None:
    torch.set_num_threads(1)
    _PREPARED[:] = [task]


def _do(item: Item) -> list[FileResult[Any]]:
    return _PREPARED[0](item)
