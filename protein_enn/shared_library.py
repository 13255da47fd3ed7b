"""Compiled loops next to the modules that call them, built at installation where there is a C compiler."""

from __future__ import annotations

import ctypes
from pathlib import Path


def load(folder: Path, pattern: str, version_function: str, version: int) -> ctypes.CDLL | None:
    """The shared library of a folder whose `version_function` returns `version`.

    Parameters
    ----------
    folder
        Where the library is.
    pattern
        Of its name.
    version_function
        A function of the library that returns the version of its source.
    version
        The version that the caller knows.

    Returns
    -------
    ctypes.CDLL or None
        None if there is no such library, or it cannot be loaded.
    """
    for path in sorted(folder.glob(pattern)):
        if path.suffix not in (".so", ".pyd", ".dylib"):
            continue
        try:
            library = ctypes.CDLL(str(path))
            get_version = getattr(library, version_function)
        except (OSError, AttributeError):
            continue
        get_version.restype = ctypes.c_int64
        if get_version() == version:
            return library
    return None
