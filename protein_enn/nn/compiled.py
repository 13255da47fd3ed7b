"""The compiled loops of neighbor_products.c: built when the package is installed where there is a C compiler.

Without them everything works in torch operations, several times slower on a CPU.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_VERSION = 2  # of the C source that this file fits
_allowed: ContextVar[bool] = ContextVar("compiled", default=True)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The shared library beside this file; None if it was not built, cannot be loaded or is of another version."""
    for path in sorted(Path(__file__).parent.glob("_neighbor_products*")):
        if path.suffix not in (".so", ".pyd", ".dylib"):
            continue
        try:
            found = ctypes.CDLL(str(path))
            version = found.protein_enn_version
        except (OSError, AttributeError):
            continue
        version.restype = ctypes.c_int64
        if version() == _VERSION:
            return found
    return None


def allowed() -> bool:
    """Whether compiled loops are there and wanted."""
    return _allowed.get() and library() is not None


@contextmanager
def torch_only() -> Iterator[None]:
    """Within the block torch operations do everything: to compare with, or to differentiate twice."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)
