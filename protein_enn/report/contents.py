"""What was read from files, by kind; and what could not be done, a kind that every panel may add to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Kind(Generic[T_co]):
    """A kind of content: its name in `Results`, and what stands for it where there is none."""

    name: str
    empty: Callable[[], T_co]


class Contents:
    """Content by kind: `contents[SCANS]` is a list of scans, an empty one where none were read."""

    __slots__ = ("_content",)

    def __init__(self) -> None:
        self._content: dict[str, Any] = {}

    def __getitem__(self, kind: Kind[T]) -> T:
        content: T = self._content.setdefault(kind.name, kind.empty())
        return content

    def __setitem__(self, kind: Kind[T], content: T) -> None:
        self._content[kind.name] = content

    def pop(self, kind: Kind[T]) -> T:
        """The content of a kind that is needed only while files are read."""
        content: T = self._content.pop(kind.name, kind.empty())
        return content


@dataclass(frozen=True)
class Failure:
    """A file that a command could not do."""

    file: str
    stage: str
    reason: str


FAILURES: Kind[list[Failure]] = Kind("failures", list)
