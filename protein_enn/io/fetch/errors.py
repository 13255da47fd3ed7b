"""Why a file was not fetched."""

from __future__ import annotations


class FetchError(ValueError):
    """A file cannot be had; the message is the reason, on one line."""

    def __init__(self, message: str) -> None:
        line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(message.split()))
        super().__init__(line[:500])


class PassingError(FetchError):
    """It may go better another time: no answer, an answer cut short, a server that is busy.

    `wait`: seconds that the server asks for, None where it does not say. `answered`: the server said something.
    """

    def __init__(self, message: str, *, wait: float | None = None, answered: bool = True) -> None:
        super().__init__(message)
        self.wait, self.answered = wait, answered


class StoppedError(FetchError):
    """The run ends before this file was tried to the end."""
