"""Predictions for a structure: one for each residue with a CA, with and without the pLDDT of its file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import read_structure
from protein_enn.confidence.descriptors import Assessors
from protein_enn.confidence.predict import ConfidenceEstimator
from protein_enn.geometry.rotations import random_rotation
from protein_enn.models.confidence import UNMEASURED
from protein_enn.predictor import Predictor, untrained
from protein_enn.refinement import refine
from protein_enn.refinement.assessment import OWN, Assessment

SMALL = {"encoder_settings": {"layers": 1, "channels": 4, "edges": 16, "hidden": 32, "basis": 4}, "k": 8}


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    torch.manual_seed(0)
    return untrained("confidence", SMALL)


@pytest.fixture(scope="module")
def estimator(predictor) -> ConfidenceEstimator:
    return ConfidenceEstimator(predictor, Assessors.shipped())


@pytest.fixture(scope="module")
def model():
    structure = read_structure("examples/1bhl.pdb")
    around = (torch.cdist(structure.ca, structure.ca, compute_mode="donot_use_mm_for_euclid_dist") < 10).sum(1).float()
    column = (60 + around)[:, None].expand(-1, 37) * structure.present
    return replace(structure, b_factors=column, predicted=True)


def test_every_residue_with_a_ca_has_a_distribution_an_error_and_a_distance(estimator, model):
    present = model.present.clone()
    present[3, 1] = False
    found = estimator(replace(model, present=present, positions=model.positions * present[..., None]))
    known = torch.arange(len(model)) != 3
    for values in (found.lddt, found.error, found.distance, found.distribution.sum(1)):
        assert values[known].isfinite().all() and values[3].isnan()
    assert ((found.lddt[known] > 0) & (found.lddt[known] < 1)).all() and (found.error[known] >= 0).all()
    torch.testing.assert_close(found.distribution[known].sum(1), torch.ones(len(model) - 1))
    assert not found.unfamiliar.any() and found.familiar, "nothing was measured"


def test_plddt_counts_where_it_is_wanted_and_there(estimator, model):
    shown, hidden = estimator(model), estimator(model, plddt=False)
    assert shown.plddt and not hidden.plddt and not torch.equal(shown.lddt, hidden.lddt)
    without = estimator(replace(model, b_factors=torch.zeros_like(model.b_factors), predicted=False))
    assert torch.equal(without.lddt, hidden.lddt)


def test_predictions_do_not_change_when_the_structure_is_moved(estimator, model):
    moved = model.moved(random_rotation(3).float(), torch.tensor([50.0, 0.0, -9.0]))
    torch.testing.assert_close(estimator(moved).lddt, estimator(model).lddt, atol=2e-3, rtol=0)


def test_what_is_far_from_training_is_unfamiliar(predictor, estimator, model):
    network = predictor.model
    network.familiar_distance.fill_(float(estimator(model).distance.nanmedian()))
    try:
        found = estimator(model)
        assert 0.3 < found.unfamiliar.float().mean() < 0.7 and not found.familiar
    finally:
        network.familiar_distance.fill_(UNMEASURED)


def test_another_task_is_refused():
    with pytest.raises(ValueError, match="for refinement"):
        ConfidenceEstimator(untrained("refinement", SMALL))


def test_a_refinement_asks_the_model_of_confidence(predictor, estimator):
    damaged = read_structure("examples/1bhl_perturbed.pdb").take(torch.arange(40))
    refinement = refine(damaged, confidence=predictor, steps=1)
    expected = estimator(refinement.input)
    torch.testing.assert_close(refinement.confidence_before, expected.lddt)
    torch.testing.assert_close(refinement.error_before, expected.error)
    assert refinement.record("out.pdb")["confidence_weights"]["sha256"] == predictor.sha256
    own = refine(damaged, confidence=OWN, steps=1)
    assert not torch.equal(own.confidence_before, refinement.confidence_before)
    assert own.record("out.pdb")["confidence_weights"] is None
    assert own.geometry_after.clashes < own.geometry_before.clashes
    assert refinement.geometry_after.clashes < refinement.geometry_before.clashes


def test_weights_are_given_by_path(predictor, tmp_path, model):
    path = predictor.save(tmp_path / "mine.safetensors")
    refiner = untrained("refinement")
    by_path, as_it_is = Assessment(refiner, path), Assessment(refiner, predictor)
    torch.testing.assert_close(by_path(model).lddt, as_it_is(model).lddt, equal_nan=True)
    assert by_path.facts()["confidence_weights"] == "mine"


def test_other_texts_are_refused(predictor):
    with pytest.raises(ValueError, match="'own'"):
        Assessment(predictor, "none")
