"""Make a failing document smaller while it fails in the same way."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgpack


def minimize(data: bytes, fails: Callable[[bytes], bool], *, seconds: float = 10.0) -> bytes:
    """A smaller document for which `fails` still holds: by lines, then bytes; BinaryCIF by its lists."""
    end = time.monotonic() + seconds
    small = _without_branches(data, fails, end)
    for separator in (b"\n", b" ", b""):
        parts = small.split(separator) if separator else [small[i : i + 1] for i in range(len(small))]
        small = separator.join(_fewer(parts, lambda p, s=separator: fails(s.join(p)), end))  # type: ignore[misc]
    return small


def _fewer(parts: list[bytes], fails: Callable[[list[bytes]], bool], end: float) -> list[bytes]:
    """Leave out runs of parts, long ones first."""
    size = len(parts) // 2
    while size:
        i = 0
        while i < len(parts) and time.monotonic() < end:
            shorter = parts[:i] + parts[i + size :]
            if fails(shorter):
                parts = shorter
            else:
                i += size
        size //= 2
    return parts


def _without_branches(data: bytes, fails: Callable[[bytes], bool], end: float) -> bytes:
    """A MessagePack document without the list entries that the failure does not need."""
    try:
        tree = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, msgpack.UnpackException):
        return data
    if not isinstance(tree, dict):
        return data

    def packs(what: Any) -> bytes:
        try:
            return bytes(msgpack.packb(what))
        except (ValueError, TypeError, OverflowError):
            return b""

    def visit(node: Any) -> None:
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            value = node[key]
            if isinstance(value, list) and key != "encoding":
                for i in reversed(range(len(value))):
                    gone = value.pop(i)
                    if time.monotonic() > end or not fails(packs(tree)):
                        value.insert(i, gone)
            if isinstance(value, dict | list):
                visit(value)

    visit(tree)
    shorter = packs(tree)
    return shorter if fails(shorter) else data
