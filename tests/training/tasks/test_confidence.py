"""The task of confidence: what is given, what is predicted, and that it can be trained."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn.data.chain import Chain
from protein_enn.graph import batch
from protein_enn.models.confidence import DESCRIPTORS, PLDDT, ConfidenceModel
from protein_enn.testing import random_structure
from protein_enn.training.tasks.confidence import ConfidenceTask, simulated_plddt, soft_bins

SETTINGS = {"encoder_settings": {"layers": 1, "channels": 4, "edges": 16, "hidden": 32, "basis": 4}, "k": 8}


def chain(seed: int) -> Chain:
    """A chain whose quality is told by one of its descriptors, and half of it by pLDDT."""
    structure, generator = random_structure((30,), seed=seed), torch.Generator().manual_seed(seed)
    lddt = torch.rand(30, generator=generator)
    descriptors = torch.zeros(30, len(DESCRIPTORS))
    descriptors[:, 0] = 1.0
    descriptors[:, DESCRIPTORS.index("likelihood_all")] = lddt
    quality = torch.cat([torch.stack([lddt, 3 * (1 - lddt)], 1), descriptors], 1)
    quality[4, :2] = torch.nan
    return replace(Chain.of(structure), quality=quality)


@pytest.fixture
def task() -> ConfidenceTask:
    return ConfidenceTask(ConfidenceTask.Config(), ConfidenceModel.Config.model_validate(SETTINGS))


def test_plddt_is_hidden_as_often_as_asked(task):
    generator = torch.Generator().manual_seed(0)
    shown = [bool(task.example(chain(1), generator, True)[0].descriptors[:, : len(PLDDT)].any()) for _ in range(200)]
    assert 70 < sum(shown) < 130


def test_the_quality_is_no_input(task):
    generator = torch.Generator().manual_seed(0)
    graph, target = task.example(chain(1), generator, True)
    other = chain(1)
    other.quality[:, :2] = 0.5
    again, _ = task.example(other, torch.Generator().manual_seed(0), True)
    assert torch.equal(graph.descriptors, again.descriptors) and graph.descriptors.shape[1] == len(DESCRIPTORS)
    assert target.lddt[4].isnan() and target.lddt[[0, 1]].isfinite().all()


def test_a_store_without_quality_is_refused(task):
    with pytest.raises(ValueError, match="protein-enn decoys"):
        task.example(replace(chain(1), quality=None), torch.Generator(), True)


def test_values_are_the_means_of_their_bins():
    values, centers = torch.linspace(0.05, 0.95, 19), (torch.arange(10) + 0.5) / 10
    shares = soft_bins(values, 10)
    torch.testing.assert_close(shares @ centers, values)
    torch.testing.assert_close(shares.sum(1), torch.ones(19))


def test_training_lowers_the_loss_and_explains_the_quality(task):
    torch.manual_seed(0)
    model = ConfidenceModel(ConfidenceModel.Config.model_validate(SETTINGS))
    generator = torch.Generator().manual_seed(0)
    graphs, targets = zip(*(task.example(chain(i), generator, True) for i in range(4)), strict=True)
    graph, target = batch(graphs), task.collate(list(targets))
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(60):
        parts = task.loss(model, graph, target, generator, True)
        optimizer.zero_grad()
        parts["loss"].backward()
        optimizer.step()
        losses.append(float(parts["loss"].detach()))
    assert losses[-1] < 0.8 * losses[0] and parts["explained"] > 0.5


def test_calibration_moves_the_mean_and_depends_on_plddt(task):
    model = ConfidenceModel(ConfidenceModel.Config.model_validate(SETTINGS)).eval()
    graph, _ = task.example(chain(1), torch.Generator().manual_seed(3), True)
    prediction = model(graph)
    torch.testing.assert_close(model.lddt(prediction), model.mean(prediction), atol=1e-5, rtol=0)
    model.calibration[1] = torch.tensor([1.0, 1.0])
    shown = replace(prediction, shown=torch.ones(30))
    hidden = replace(prediction, shown=torch.zeros(30))
    assert (model.lddt(shown) > model.mean(prediction)).all()
    torch.testing.assert_close(model.lddt(hidden), model.mean(prediction), atol=1e-5, rtol=0)


def test_plddt_alone_moves_the_prediction_toward_it():
    model = ConfidenceModel(ConfidenceModel.Config.model_validate(SETTINGS)).eval()
    graph, _ = ConfidenceTask(ConfidenceTask.Config(hide_plddt=1.0), model.config).example(
        chain(1), torch.Generator(), True
    )
    means = []
    for value in (0.0, 0.3, 0.6, 0.95):
        graph.descriptors[:, : len(PLDDT)] = torch.tensor([float(value > 0), value, value, value])
        means.append(float(model.mean(model(graph)).mean().detach()))
    assert means[1] < means[2] < means[3] and means[1] < means[0], "0 stands for unknown"


def test_simulated_plddt_agrees_with_the_quality_but_not_too_well():
    generator = torch.Generator().manual_seed(0)
    walk = torch.randn(40, 150, generator=generator).cumsum(1)
    quality = 0.5 + 0.4 * torch.tanh(walk / 6)
    quality[:, 3] = torch.nan
    found = torch.stack([simulated_plddt(row, generator) for row in quality])
    known = quality.isfinite()
    agreement = torch.corrcoef(torch.stack([found[..., 2][known], quality[known]]))[0, 1]
    assert 0.6 < agreement < 0.95 and found.isfinite().all()
    assert (found[..., 0] == 1).all() and found[..., 1:].min() >= 0.2 and found[..., 1:].max() <= 0.99
    assert (found[..., 3] <= found[..., 2]).all()
