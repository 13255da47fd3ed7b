"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was found; a note is worth knowing, and only what is broken keeps the package from working."""

    about: str  # library, extra, device, threads, ...
    status: Status
    message: str
    fix: str = ""
