"""The libraries of this subpackage, imported at their first use: OpenMM and tblite."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""What tblite's libraries read when they are loaded."""


def openmm() -> ModuleType:
    """OpenMM; ModuleNotFoundError that says how to install it."""
    try:
        import openmm
        import openmm.app
    except ImportError as error:
        raise missing("openmm") from error
    return openmm


def tblite() -> Any:
    """The module `tblite.interface`, of one thread; ModuleNotFoundError that says how to install it."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(THREADS)
    try:
        import tblite.interface
    except ImportError as error:
        raise missing("tblite") from error
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return tblite.interface


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for what is computed here: tblite takes the threads of the OpenMP library that torch has loaded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def missing(library: str) -> ModuleNotFoundError:
    """The error where a library is not installed."""
    return ModuleNotFoundError(
        f"frames need {library}, which is not installed: pip install 'protein-enn[quantum]'", name=library
    )
