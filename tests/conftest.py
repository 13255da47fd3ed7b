"""What every test may ask for: the data directory, the embedded example, one thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums then come in the same order on every machine, and tests can run side by side."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The directory of development data: `chains.tsv`, `decoys.tsv`, `structures/`, `originals/` and so on."""
    value = os.environ.get("PROTEIN_ENN_DATA")
    if not value:
        pytest.skip("PROTEIN_ENN_DATA is not set: it names a directory with chains.tsv, decoys.tsv and structures/")
    path = Path(value)
    if not path.is_dir():
        pytest.fail(f"PROTEIN_ENN_DATA={value} is not a directory: unset it, or point it at the data")
    return path


@pytest.fixture(scope="session")
def examples() -> Path:
    """The structures that come with the repository."""
    return REPOSITORY / "examples"
