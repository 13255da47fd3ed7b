"""The compiled loops of neighbor_products.c and edge_messages.c: built at installation where there is a C compiler.

Without them everything works in torch operations, several times slower on a CPU.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_VERSION, _EDGES_VERSION = 2, 2  # of the C sources that this file fits
_allowed: ContextVar[bool] = ContextVar("compiled", default=True)


@functools.cache
def library() -> ctypes.CDLL | None:
    """Loops over neighbors; None if they were not built, cannot be loaded or are of another version."""
    return _loaded("_neighbor_products*", "protein_enn_version", _VERSION)


@functools.cache
def edges_library() -> ctypes.CDLL | None:
    """Loops over edges in bfloat16, as `library`; None as well where the processor has no AMX or the system bars it."""
    found = _loaded("_edge_messages*", "protein_enn_edges_version", _EDGES_VERSION)
    if found is None:
        return None
    for function in (found.protein_enn_edges_supported, found.protein_enn_edges, found.protein_enn_gaussians):
        function.restype = ctypes.c_int64
    return found if found.protein_enn_edges_supported() else None


def _loaded(pattern: str, function: str, wanted: int) -> ctypes.CDLL | None:
    """The shared library beside this file whose `function` answers with the version that is wanted."""
    for path in sorted(Path(__file__).parent.glob(pattern)):
        if path.suffix not in (".so", ".pyd", ".dylib"):
            continue
        try:
            found = ctypes.CDLL(str(path))
            version = getattr(found, function)
        except (OSError, AttributeError):
            continue
        version.restype = ctypes.c_int64
        if version() == wanted:
            return found
    return None


def allowed() -> bool:
    """Whether compiled loops are there and wanted."""
    return _allowed.get() and library() is not None


def edges_supported() -> bool:
    """The same of the loops over edges."""
    return _allowed.get() and edges_library() is not None


@contextmanager
def torch_only() -> Iterator[None]:
    """Within the block torch operations do everything: to compare with, or to differentiate twice."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)
