"""The compiled loops of the C files of this folder, built at installation where there is a C compiler.

Without them torch operations compute the same, several times slower on a CPU.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from protein_enn.shared_library import load

_VERSION, _EDGES_VERSION, _FLOAT_EDGES_VERSION = 2, 2, 1  # of the C sources that this file belongs to
_enabled: ContextVar[bool] = ContextVar("compiled", default=True)


@functools.cache
def library() -> ctypes.CDLL | None:
    """Loops over neighbors; None if they were not built, cannot be loaded or are of another version."""
    return load(Path(__file__).parent, "_neighbor_products*", "protein_enn_version", _VERSION)


@functools.cache
def edges_library() -> ctypes.CDLL | None:
    """Loops over edges in bfloat16, as `library`; None also where processor or system do not support AMX."""
    loops = load(Path(__file__).parent, "_edge_messages*", "protein_enn_edges_version", _EDGES_VERSION)
    if loops is None:
        return None
    for function in (loops.protein_enn_edges_supported, loops.protein_enn_edges, loops.protein_enn_gaussians):
        function.restype = ctypes.c_int64
    return loops if loops.protein_enn_edges_supported() else None


@functools.cache
def float_edges_library() -> ctypes.CDLL | None:
    """Loops over edges in float32, as `library`; None also where the processor does not support AVX-512."""
    loops = load(Path(__file__).parent, "_float_edges*", "protein_enn_float_edges_version", _FLOAT_EDGES_VERSION)
    if loops is None:
        return None
    for function in (loops.protein_enn_float_edges_supported, loops.protein_enn_float_edges):
        function.restype = ctypes.c_int64
    return loops if loops.protein_enn_float_edges_supported() else None


def available() -> bool:
    """Whether compiled loops exist and are not switched off."""
    return _enabled.get() and library() is not None


def edges_supported() -> bool:
    """The same for the loops over edges."""
    return _enabled.get() and edges_library() is not None


def float_edges_supported() -> bool:
    """The same for the loops over edges in float32."""
    return _enabled.get() and float_edges_library() is not None


@contextmanager
def torch_only() -> Iterator[None]:
    """Within the block torch operations compute everything, for comparison or for second derivatives."""
    token = _enabled.set(False)
    try:
        yield
    finally:
        _enabled.reset(token)
