"""What every test may ask for: the data directory, the embedded example, one thread."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import checks

if TYPE_CHECKING:
    from protein_enn.embedding import LanguageModel

# Before the package is imported. That is left to the fixtures: the parent of two workers has no use for it.
checks.install()

REPOSITORY = Path(__file__).resolve().parent.parent
SLOWEST = (
    "test_restart.py", "test_certificate.py", "test_viewer.py", "test_originals.py", "test_compile.py",
    "test_dry_run.py", "test_profiles.py", "test_distributed.py", "test_notebooks.py",
)  # fmt: skip
"""Files that take half a minute or more: they go first, so that the other worker does not wait for one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slowest files first, all else in its order."""
    items.sort(key=lambda item: SLOWEST.index(item.path.name) if item.path.name in SLOWEST else len(SLOWEST))


def pytest_collection_finish() -> None:
    """The garbage collector leaves what is imported alone and comes less often: up to a sixth of the time of a test."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums then come in the same order on every machine, and tests and what they start can run side by side."""
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


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


@pytest.fixture(scope="session")
def esm2_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ESM-2 (fair-esm's own class, 2 layers of 32 features) with random weights in the official file format."""
    import torch

    esm2 = pytest.importorskip("esm.model.esm2", reason="fair-esm is not installed")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = esm2.ESM2(2, 32, 4, "ESM-1b", token_dropout=True)
    network.emb_layer_norm_after.weight.data.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    state, contact = {}, {}
    for name, value in network.state_dict().items():
        if name.startswith("contact_head."):
            contact[name] = value
        else:
            state[("encoder." if name.startswith("lm_head.") else "encoder.sentence_encoder.") + name] = value
    settings = argparse.Namespace(encoder_layers=2, encoder_embed_dim=32, encoder_attention_heads=4, token_dropout=True)
    path = tmp_path_factory.mktemp("esm") / "esm2_tiny.pt"
    torch.save({"cfg": {"model": settings}, "model": state}, path)
    torch.save({"model": contact}, path.with_name("esm2_tiny-contact-regression.pt"))
    return path


@pytest.fixture(scope="session")
def language_model(esm2_checkpoint: Path) -> LanguageModel:
    """The small ESM-2, loaded."""
    from protein_enn.embedding import load_language_model

    return load_language_model(esm2_checkpoint)


@pytest.fixture(scope="session")
def make_teacher(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that writes a small ProteinMPNN with random weights, in the published file format."""
    import torch

    from tests.models.mpnn.reference import random_checkpoint

    def make(name: str = "v_48_002", seed: int = 0, **more: int) -> Path:
        path = tmp_path_factory.mktemp("teacher") / f"{name}.pt"
        torch.save(random_checkpoint(hidden=16, encoders=1, decoders=2, k=12, seed=seed, **more), path)
        return path

    return make
