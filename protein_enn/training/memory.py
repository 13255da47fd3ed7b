"""Faster training on a CPU: freed memory stays in the process, and tiny numbers become zero."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # malloc.h


def reuse_freed_memory() -> bool:
    """Makes glibc serve large blocks from its heap and keep them; False where there is no glibc.

    New pages cost a training step as much time as its arithmetic.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    gigabyte = 1 << 30
    options = ((_M_MMAP_THRESHOLD, gigabyte), (_M_TRIM_THRESHOLD, 2 * gigabyte - 1), (_M_TOP_PAD, gigabyte // 4))
    return all(mallopt(key, value) == 1 for key, value in options)


@contextmanager
def no_denormals() -> Iterator[None]:
    """Within the block numbers below some 1e-38 are zero on this thread: processors are slow with them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
