"""One sequence on several models: the mean and its two errors, the worst model, and what is not an ensemble."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring import score, score_ensemble
from protein_enn.structure import Structure
from protein_enn.structure.audit import Finding


@pytest.fixture(scope="module")
def models(bundle: Structure) -> list[Structure]:
    """Three models: the bundle with more and more noise."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, 48, 37, 3, generator=generator)
    return [bundle.with_positions(bundle.positions + s * noise[i]) for i, s in enumerate((0.0, 0.2, 0.5))]


def test_the_audit_is_the_worst_of_a_model(models: list[Structure], predictor: Predictor) -> None:
    bad = replace(models[1], audit=replace(models[1].audit, findings=(Finding("fault", "warning", "a fault"),)))
    found = score_ensemble([models[0], bad, models[2]], predictor=predictor, orders=1)
    assert found.row()["audit_severity"] == "warning" and found.row()["audit_findings"] == "fault"
    assert found.record()["audit"]["severity"] == "warning"


def test_figures_are_those_of_the_models(models: list[Structure], predictor: Predictor) -> None:
    found = score_ensemble(models, predictor=predictor, orders=4)
    each = [score(model, predictor=predictor, orders=4) for model in models]
    means = torch.tensor([one.mean for one in each], dtype=torch.float64)
    row = found.row()
    assert row["log_likelihood"] == pytest.approx(float(means.mean()), abs=1e-9)
    assert row["models_standard_error"] == pytest.approx(float(means.std()) / math.sqrt(3), rel=1e-9)
    assert (row["lowest"], row["highest"]) == pytest.approx((float(means.min()), float(means.max())))
    assert row["lowest_model"] == int(means.argmin()) + 1 and row["models"] == 3
    assert row["perplexity"] == pytest.approx(math.exp(-row["log_likelihood"]))
    expected = torch.stack([one.log_likelihood for one in each]).mean(0)
    torch.testing.assert_close(found.log_likelihood, expected)
    draws = torch.stack([one.by_order.double().mean(1) for one in each]).mean(0).view(2, 2).mean(1)
    assert row["standard_error"] == pytest.approx(float(draws.std()) / math.sqrt(2), rel=1e-6)
    record = found.record()
    assert record["kind"] == "ensemble" and record["per_model"] == pytest.approx(means.tolist())
    assert record["per_residue"]["log_likelihood"] == pytest.approx(expected.tolist(), abs=1e-5)


def test_one_model_is_its_score(bundle: Structure, predictor: Predictor) -> None:
    row = score_ensemble([bundle], predictor=predictor, mode="single").row()
    alone = score(bundle, predictor=predictor, mode="single").row()
    assert all(row[key] == value for key, value in alone.items() if key != "seconds")
    assert row["models_standard_error"] is None and row["lowest"] == row["highest"] == alone["log_likelihood"]


def test_residues_count_where_all_models_have_them(models: list[Structure], predictor: Predictor) -> None:
    """Else a model could look better for lack of a bad residue."""
    present = models[1].present.clone()
    present[5, chemistry.N] = False
    found = score_ensemble([models[0], replace(models[1], present=present)], predictor=predictor, mode="single")
    assert (~found.scored).nonzero()[:, 0].tolist() == [5]
    rest = torch.arange(48) != 5
    first = score(models[0], predictor=predictor, mode="single")
    assert float(found.means[0]) == pytest.approx(float(first.log_likelihood[rest].double().mean()), abs=1e-9)


def test_what_is_no_ensemble_is_refused(models: list[Structure], predictor: Predictor) -> None:
    residues = models[1].residues.clone()
    residues[9] = (residues[9] + 1) % 20
    names = tuple(chemistry.RESIDUES[i] for i in residues.tolist())
    other = replace(models[1], residues=residues, residue_names=names)
    with pytest.raises(ValueError, match=f"model 3 has {names[9]} A:10 where model 1 has .* A:10: not one sequence"):
        score_ensemble([models[0], models[2], other], predictor=predictor)
    with pytest.raises(ValueError, match="model 2 has 16 residues in 1 chains and model 1 48 residues in 2 chains"):
        score_ensemble([models[0], models[1].chain("B")], predictor=predictor)
    with pytest.raises(ValueError, match="at least one model"):
        score_ensemble([], predictor=predictor)
    with pytest.raises(ValueError, match="no residue is scored in all 2 models"):
        halves = [replace(m, present=m.present & keep[:, None]) for m, keep in zip(models[:2], halved(48), strict=True)]
        score_ensemble(halves, predictor=predictor)


def halved(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    first = torch.arange(n) < n // 2
    return first, ~first
