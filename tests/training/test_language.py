"""Training with features of a language model, end to end: it learns, it can be resumed, and its weights can be used."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn.data import Chain, Store
from protein_enn.data.embeddings import Embeddings, sequences_of, write_embeddings
from protein_enn.data.store import Record, write_store
from protein_enn.embedding import LanguageModel
from protein_enn.predictor import load_predictor
from protein_enn.scoring import score
from protein_enn.testing import random_structure
from protein_enn.training import train
from protein_enn.training.loaders import Examples
from protein_enn.training.tasks.design import DesignTask

EXPERIMENT = """
task: {task}
max_steps: {steps}
validate_every: 2
budget: 60
crop: 20
warmup: 1
model: {{k: 6, {language}encoder_settings: {{layers: 1, scalars: 16, odd: 4, channels: 4, edges: 8, hidden: 8}}}}
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    chains = []
    for i in range(4):
        chain = Chain.of(replace(random_structure((24,), seed=i), name=f"c{i}"))
        chains.append((chain, Record(chain.name, 24, str(i), "val" if i == 0 else "train", "native")))
    write_store(tmp_path / "store", chains, {"source": "random"})
    return tmp_path / "store"


@pytest.fixture
def cache(store: Path, tmp_path: Path, language_model: LanguageModel) -> Path:
    write_embeddings(tmp_path / "cache", language_model, [s for c in Store(store) for s in sequences_of(c)])
    return tmp_path / "cache"


def experiment(folder: Path, *, task: str = "design", steps: int = 4, language: int = 32) -> Path:
    path = folder / f"{task}-{steps}-{language}.yaml"
    path.write_text(EXPERIMENT.format(task=task, steps=steps, language=f"language: {language}, " if language else ""))
    return path


def quiet(line: str) -> None:
    """Progress is not of interest."""


def test_trains_and_its_weights_score(
    store: Path, cache: Path, tmp_path: Path, esm2_checkpoint: Path, language_model: LanguageModel
) -> None:
    found = train(experiment(tmp_path), tmp_path / "run", data=store, embeddings=cache, device="cpu", log=quiet)
    assert found.steps == 4 and math.isfinite(found.best)
    predictor = load_predictor(found.weights, language=esm2_checkpoint)
    assert predictor.info["language"] == language_model.identity
    moved = predictor.model.state_dict()["language.linear.weight"]
    torch.manual_seed(0)
    fresh = type(predictor.model)(predictor.model.config).state_dict()["language.linear.weight"]
    assert (moved - fresh).abs().max() > 1e-4  # gradients reach the features
    assert math.isfinite(score(random_structure((15,), seed=9), predictor=predictor).mean)

    other = replace(language_model, name="other", sha256="0" * 64)
    write_embeddings(tmp_path / "other", other, [s for c in Store(store) for s in sequences_of(c)])
    with pytest.raises(ValueError, match="features of other, but the start weights were trained with another"):
        train(
            experiment(tmp_path), tmp_path / "more", data=store, embeddings=tmp_path / "other", log=quiet,
            from_weights=found.weights,
        )  # fmt: skip


def test_a_run_that_was_killed_and_goes_on_leaves_the_same_bytes(store: Path, cache: Path, tmp_path: Path) -> None:
    config, straight, broken = experiment(tmp_path), tmp_path / "straight", tmp_path / "broken"
    train(config, straight, data=store, embeddings=cache, device="cpu", log=quiet)

    def killed(line: str) -> None:
        if line.startswith("step 2"):
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        train(config, broken, data=store, embeddings=cache, device="cpu", log=killed)
    lines: list[str] = []
    train(config, broken, data=store, embeddings=cache, device="cpu", log=lines.append, resume_if_any=True)
    assert "goes on from step 2" in lines[0]
    for name in ("best.safetensors", "best.json"):
        assert (straight / name).read_bytes() == (broken / name).read_bytes()


def test_examples_learn_what_is_hidden_and_validation_hides_all(store: Path, cache: Path) -> None:
    task = DesignTask(DesignTask.Config(), DesignTask.Model.Config(language=32))

    def learned(training: bool) -> list[int]:
        examples = Examples(Store(store), task, 30, 0, training, Embeddings(cache))
        return [int(examples[(epoch, 1)][1].learned.sum()) for epoch in range(24)]

    assert set(learned(training=False)) == {24}
    assert set(learned(training=True)) == {24, 18, 12, 6}


def test_what_does_not_fit_is_refused(store: Path, cache: Path, tmp_path: Path, language_model: LanguageModel) -> None:
    def fails(message: str, *, language: int = 32, task: str = "design", embeddings: Path | None = cache) -> None:
        path = experiment(tmp_path, task=task, language=language)
        with pytest.raises(ValueError, match=message):
            train(path, tmp_path / "run", data=store, embeddings=embeddings, device="cpu", log=quiet)

    fails(r"takes 32 features.*--embeddings", embeddings=None)
    fails(r"32 features of esm2_tiny, but the model takes none; write `language: 32`", language=0)
    fails(r"but the model takes 16", language=16)
    fails(r"but the model takes none", task="refinement", language=0)
    write_embeddings(tmp_path / "part", language_model, ["MKT"])
    fails(r"4 of 4 chains of .*such as c0", embeddings=tmp_path / "part")
