"""Limits on requests to a server: rate, retries, waiting times and sizes."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from protein_enn.io.fetch.errors import StoppedError
from protein_enn.io.files import MAX_FILE


@dataclass(frozen=True)
class RetryPolicy:
    """Limits on requests to a server. ValueError for a value out of its range."""

    connections: int = 2  # simultaneous transfers
    delay: float = 0.1  # seconds from the start of a request to that of the next, over all connections
    retries: int = 4  # further tries of a file after a transient failure
    timeout: float = 60.0  # seconds without an answer or without data
    most: int = MAX_FILE  # bytes of the largest file
    backoff: float = 1.0  # seconds before the second try; doubled for each further one
    patience: float = 300.0  # longest wait in seconds that a server may ask for (Retry-After)
    give_up: int = 5  # files in a row without any answer, after which no more are requested

    def __post_init__(self) -> None:
        for name, least in (("connections", 1), ("delay", 0), ("retries", 0), ("most", 1), ("give_up", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be {least} or more")
        if not self.timeout > 0:
            raise ValueError(f"timeout is {self.timeout}: it must be more than 0")


@dataclass
class Pace:
    """When the next request may start, for all connections together, and whether the run is stopped."""

    delay: float
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: float = 0.0

    def wait_for_request(self) -> None:
        """Return when a request may start; StoppedError when the run is stopped."""
        while True:
            with self._lock:
                now = time.monotonic()
                if now >= self._next:
                    self._next = now + self.delay
                    break
                seconds = self._next - now
            self.sleep(seconds)
        self.sleep(0.0)

    def postpone(self, seconds: float) -> None:
        """Start no request for so many seconds, as the server asked."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait; StoppedError when the run is stopped meanwhile."""
        if self.stopped.wait(seconds):
            raise StoppedError("not fetched: the run was stopped")
