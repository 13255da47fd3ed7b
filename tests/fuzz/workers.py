"""Child processes that check inputs, so that a crash, a hang or an excessive allocation ends one child alone."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from tests.fuzz.checks import CheckResult, check_growth, check_input, resident
from tests.fuzz.inputs import GROWTH, Input, make_input
from tests.fuzz.minimize import minimize

MEMORY = 1 << 30
"""Bytes that a child may allocate after its start; an input of some kB that needs more is a fault (MemoryError)."""
SAMPLE = 5000
"""Inputs of one child between two measurements of its memory."""


@dataclass(frozen=True)
class Job:
    """What one child works on: inputs start, start + step, ... below count."""

    seed: int
    format: str | None
    start: int
    step: int
    count: int
    timeout: float  # s


@dataclass(frozen=True)
class Result:
    """The check of one input; `small` is a minimized failing input, once for each problem and child."""

    i: int
    check: CheckResult
    seconds: float  # of CPU time
    memory: float | None = None  # MiB resident, sampled
    added: float = 0.0  # MiB that this input took at most, where it aims at growth
    small: bytes = b""


def results(job: Job) -> Iterator[Result]:
    """Check the inputs of a job in a child; whenever it dies or hangs, continue in another one."""
    context = multiprocessing.get_context("spawn")
    while job.start < job.count:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_work, args=(job, theirs), daemon=True)
        child.start()
        theirs.close()
        i, died = job.start, False
        while i < job.count and not died:
            # CPU time is limited by the child's own timer; this is for a child that waits for ever.
            if not wait([ours], timeout=20 * job.timeout + 60):
                child.kill()
            try:
                result = ours.recv()
            except EOFError:
                died = True
                child.join()
                problem = _death(child.exitcode)
                result = Result(
                    i, CheckResult("failed", problem, f"the child ended with {child.exitcode}"), job.timeout
                )
            yield result
            i += job.step
        child.join(timeout=10)
        child.kill()
        job = Job(**{**vars(job), "start": i})


def _death(code: int | None) -> str:
    if code in (-signal.SIGPROF, -signal.SIGKILL):
        return "hang"
    return f"crash: {signal.Signals(-code).name}" if code is not None and code < 0 else f"crash: exit status {code}"


def _minimize(given: Input, problem: str) -> bytes:
    """A smaller input with the same problem."""
    return minimize(given.data, lambda data: check_input(replace(given, data=data)).problem == problem)


def _work(job: Job, answers: Connection) -> None:
    torch.set_num_threads(1)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    reported: set[str] = set()
    for done, i in enumerate(range(job.start, job.count, job.step), start=1):
        given = make_input(job.seed, i, job.format)
        signal.setitimer(signal.ITIMER_PROF, job.timeout)  # its signal ends the process, wherever it is
        begin = time.process_time()
        check, added = check_growth(given) if given.format == GROWTH else (check_input(given), 0.0)
        seconds = time.process_time() - begin
        signal.setitimer(signal.ITIMER_PROF, 0)
        extra: dict[str, Any] = {"added": added}
        if check.problem and given.format != GROWTH and check.problem not in reported:
            reported.add(check.problem)
            extra["small"] = _minimize(given, check.problem)
        if done % SAMPLE == 0:
            gc.collect()
            extra["memory"] = resident()
        answers.send(Result(i, check, seconds, **extra))
    answers.close()
