"""The learning rate over a run: warm-up, then constant, then a cosine over the fraction `decay`."""

from __future__ import annotations

import pytest
import torch

from protein_enn.models import build
from protein_enn.training.experiment import Experiment
from protein_enn.training.module import TrainingModule

SETTINGS = {"k": 4, "encoder_settings": {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}}


def rate(monkeypatch: pytest.MonkeyPatch, done: float, **settings: float) -> float:
    """Of the full learning rate, when that fraction of the run is done and warm-up is over."""
    torch.manual_seed(0)
    experiment = Experiment(task="design", model=SETTINGS, **settings)  # type: ignore[arg-type]
    module = TrainingModule(build("design", SETTINGS), None, experiment, None)
    monkeypatch.setattr(module, "progress", lambda: done)
    schedule = module.configure_optimizers()["lr_scheduler"]["scheduler"]
    value: float = schedule.lr_lambdas[0](experiment.warmup)
    return value


@pytest.mark.parametrize(("done", "expected"), [(0.0, 1.0), (0.5, 0.51), (1.0, 0.02)])
def test_without_more_the_rate_falls_over_the_whole_run(monkeypatch, done, expected):
    assert rate(monkeypatch, done) == pytest.approx(expected)


@pytest.mark.parametrize(("done", "expected"), [(0.0, 1.0), (0.7, 1.0), (0.85, 0.51), (1.0, 0.02)])
def test_with_a_decay_it_falls_at_the_end(monkeypatch, done, expected):
    assert rate(monkeypatch, done, decay=0.3) == pytest.approx(expected)
