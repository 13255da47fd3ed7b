"""Why a file was not fetched."""

from __future__ import annotations


class FetchError(ValueError):
    """A file cannot be fetched. The message is the reason, on one line."""

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(message.split()))
        super().__init__(line[:500])


class TransientError(FetchError):
    """A later try may succeed: no answer, an incomplete answer, a busy server.

    `wait`: seconds that the server asks for, None without a request. `answered`: whether the server answered.
    """

    def __init__(self, message: str, *, wait: float | None = None, answered: bool = True) -> None:
        super().__init__(message)
        self.wait, self.answered = wait, answered


class StoppedError(FetchError):
    """The run ended before this file was fetched."""
