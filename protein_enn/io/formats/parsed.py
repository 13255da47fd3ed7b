"""A text that is parsed once where it is needed twice: writing reads a document, then finds the places to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Parsed = TypeVar("Parsed")
_kept: ContextVar[list[tuple[bytes, object]] | None] = ContextVar("kept", default=None)


@contextmanager
def parsed_once() -> Iterator[None]:
    """Within the block the last parsed text is kept."""
    token = _kept.set([])
    try:
        yield
    finally:
        _kept.reset(token)


def parsed(data: bytes, parse: Callable[[bytes], Parsed]) -> Parsed:
    """`parse(data)`, which within `parsed_once` is called once for a text."""
    kept = _kept.get()
    if kept is None:
        return parse(data)
    if not kept or kept[0][0] != data:
        kept[:] = [(data, parse(data))]
    document: Parsed = kept[0][1]  # type: ignore[assignment]
    return document
