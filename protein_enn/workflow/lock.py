"""One run at a time in a results folder, by locks that the kernel releases when their process ends."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from protein_enn.workflow.settings import WorkflowSettingsError

RUN = ".run"
"""Locked exclusively by the run, from its start to its end."""
JOBS = ".jobs"
"""Locked as shared by each job; a job may outlive a killed run."""


def one_run(results: str | Path, log: Callable[[str], None] = print) -> TextIOWrapper:
    """Lock the folder for this run until the returned file is closed.

    Waits for jobs of a killed run. WorkflowSettingsError if another run uses the folder.
    """
    folder = Path(results)
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / RUN).open("a+", encoding="utf-8")
    if not _try_lock(lock):
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise WorkflowSettingsError(
            f"{results}: another run is at work in this folder ({holder}); wait for it, or choose another `results`"
        )
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    lock.flush()
    with (folder / JOBS).open("a", encoding="utf-8") as jobs:
        if not _try_lock(jobs):
            log(f"waiting for jobs of an earlier run that still work in {results}")
            fcntl.flock(jobs, fcntl.LOCK_EX)
    return lock


def _try_lock(file: TextIOWrapper) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
