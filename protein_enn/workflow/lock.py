"""One run at a time in a results folder, by locks that the kernel lets go of however their holder ends."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from protein_enn.workflow.settings import WorkflowSettingsError

RUN = ".run"
"""Held by the run alone, from its start to its end."""
JOBS = ".jobs"
"""Held for sharing by each job; a job outlives a run that was killed."""


def one_run(results: str | Path, say: Callable[[str], None] = print) -> TextIOWrapper:
    """Take the folder for this run until the file that is given back is closed.

    Waits for jobs that a killed run has left behind. WorkflowSettingsError if another run is at work in the folder.
    """
    folder = Path(results)
    folder.mkdir(parents=True, exist_ok=True)
    held = (folder / RUN).open("a+", encoding="utf-8")
    if not _taken(held):
        held.seek(0)
        holder = held.read().strip() or "unknown"
        held.close()
        raise WorkflowSettingsError(
            f"{results}: another run is at work in this folder ({holder}); wait for it, or choose another `results`"
        )
    held.truncate(0)
    held.write(f"process {os.getpid()} on {socket.gethostname()}\n")
    held.flush()
    with (folder / JOBS).open("a", encoding="utf-8") as jobs:
        if not _taken(jobs):
            say(f"waiting for jobs of an earlier run that still work in {results}")
            fcntl.flock(jobs, fcntl.LOCK_EX)
    return held


def _taken(file: TextIOWrapper) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
