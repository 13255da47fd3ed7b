"""Child processes that judge inputs, so that a crash, a hang or a runaway allocation ends one child and is counted."""

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

from tests.fuzz.checks import Verdict, judge, resident
from tests.fuzz.inputs import make_input
from tests.fuzz.minimise import minimise

MEMORY = 1 << 30
"""Bytes a child may allocate beyond what it starts with: more for an input of some kB is a fault (MemoryError)."""
SAMPLE = 5000
"""Inputs of one child between two looks at its memory."""


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
    """One input judged; `small` is a failing input cut down, once for each problem and child."""

    i: int
    verdict: Verdict
    seconds: float
    memory: float | None = None  # MiB resident, sampled
    small: bytes = b""


def results(job: Job) -> Iterator[Result]:
    """Judge the inputs of a job in a child, and in another one from there on whenever it dies or hangs."""
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
                result = Result(i, Verdict("failed", problem, f"the child ended with {child.exitcode}"), job.timeout)
            yield result
            i += job.step
        child.join(timeout=10)
        child.kill()
        job = Job(**{**vars(job), "start": i})


def _death(code: int | None) -> str:
    if code in (-signal.SIGPROF, -signal.SIGKILL):
        return "hang"
    return f"crash: {signal.Signals(-code).name}" if code is not None and code < 0 else f"crash: exit status {code}"


def _work(job: Job, answers: Connection) -> None:
    torch.set_num_threads(1)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    seen: set[str] = set()
    for done, i in enumerate(range(job.start, job.count, job.step), start=1):
        given = make_input(job.seed, i, job.format)
        signal.setitimer(signal.ITIMER_PROF, job.timeout)  # its signal ends the process, wherever it is
        begin = time.perf_counter()
        verdict = judge(given)
        seconds = time.perf_counter() - begin
        signal.setitimer(signal.ITIMER_PROF, 0)
        extra: dict[str, Any] = {}
        if verdict.problem and verdict.problem not in seen:
            seen.add(verdict.problem)
            extra["small"] = minimise(given.data, lambda d: judge(replace(given, data=d)).problem == verdict.problem)  # noqa: B023
        if done % SAMPLE == 0:
            gc.collect()
            extra["memory"] = resident()
        answers.send(Result(i, verdict, seconds, **extra))
    answers.close()
