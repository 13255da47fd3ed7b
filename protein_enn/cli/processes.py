"""Work on the files of a batch in several processes, with a thread each."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

import typer

from protein_enn.cli.options import Device

Given = TypeVar("Given")
Made = TypeVar("Made")
CHUNK = 8
"""Files that a process takes at a time, at most."""
_work: Callable[[Any], Any] | None = None
"""What this process does with each file, where it is one of several."""


def in_processes(
    work: Callable[[Given], Made], given: Sequence[Given], processes: int, ended: Callable[[Given], Made]
) -> Iterator[Made]:
    """`work` of each, in order. Only one is in work at a time with one process, which is this one.

    The processes are forked: each has the loaded model without a copy of it. What `work` changes in them is lost.

    Parameters
    ----------
    work
        Its result is sent from one process to another.
    given
        What is worked on.
    processes
        How many.
    ended
        Stands in for `work` where a process ended before its time, for want of memory as a rule.

    Raises
    ------
    typer.BadParameter
        The system cannot fork processes.
    """
    if processes == 1 or len(given) < 2:
        yield from map(work, given)
        return
    if "fork" not in multiprocessing.get_all_start_methods():
        raise typer.BadParameter("--processes needs a system that can fork, such as Linux: leave it out")
    size = max(1, min(CHUNK, len(given) // (4 * processes)))
    chunks = [given[i : i + size] for i in range(0, len(given), size)]
    pool = ProcessPoolExecutor(
        min(processes, len(chunks)), multiprocessing.get_context("fork"), initializer=_start, initargs=(work,)
    )
    try:
        results: list[Future[list[Any]]] = [pool.submit(_do, chunk) for chunk in chunks]
        for chunk, result in zip(chunks, results, strict=True):
            try:
                made = result.result()
            except BrokenProcessPool:
                made = [ended(one) for one in chunk]
            yield from made
    finally:
        pool.shutdown(cancel_futures=True)


def device_for(processes: int, device: Device, whole: Mapping[str, object]) -> Device:
    """Where the network runs: with several processes on the CPU.

    Parameters
    ----------
    processes
        How many.
    device
        What the user asks for.
    whole
        Options that write more of each file than its rows, and their values.

    Raises
    ------
    typer.BadParameter
        Something is asked for that several processes cannot do.
    """
    if processes == 1:
        return device
    if asked := [option for option, value in whole.items() if value]:
        raise typer.BadParameter(f"--processes writes the table alone: leave out {asked[0]}, or use one process")
    if device is Device.cuda:
        raise typer.BadParameter("--processes is for CPUs: leave out --device cuda, or use one process")
    return Device.cpu


def _start(work: Callable[[Any], Any]) -> None:
    """Prepare a process: Ctrl-C and SIGTERM are for the one that started it, which then stops this one."""
    import torch

    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)


def _do(chunk: Sequence[Any]) -> list[Any]:
    assert _work is not None
    return [_work(one) for one in chunk]
