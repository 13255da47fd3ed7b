"""Scores with a language model: it is shown what is given and never what is predicted, so likelihoods stay exact."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.embedding import LanguageModel
from protein_enn.predictor import Predictor, load_predictor, untrained
from protein_enn.scoring import design, interface_score, scan, score, score_mutants
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.columns import run_of
from protein_enn.structure import Structure
from protein_enn.testing import random_structure

SMALL = {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}
CONFIG = {"language": 32, "k": 10, "hidden": 32, "encoder_settings": SMALL}


@pytest.fixture(scope="module")
def predictor(language_model: LanguageModel) -> Predictor:
    bare = untrained("design", CONFIG, seed=3)
    info = {**bare.info, "language": language_model.identity}
    return replace(bare, info=info, language=language_model)


def mutated(structure: Structure, at: int) -> Structure:
    residues = structure.residues.clone()
    residues[at] = (residues[at] + 7) % 20
    names = tuple(chemistry.RESIDUES[i] for i in residues.tolist())
    return replace(structure, residues=residues, residue_names=names)


def test_what_is_predicted_is_in_no_feature_and_what_is_given_is(predictor: Predictor) -> None:
    structure = random_structure((14, 9), seed=2)
    designed = torch.arange(23) % 2 == 0
    before = Backbone(structure, predictor, designed).graph.language
    assert before.shape == (23, 32) and (before != 0).any(1).all()
    assert torch.equal(Backbone(mutated(structure, 4), predictor, designed).graph.language, before)
    given = Backbone(mutated(structure, 5), predictor, designed).graph.language
    changed = (given - before).abs().amax(1) > 1e-6
    assert changed[:14].all() and not changed[14:].any()  # of its own chain alone


def test_given_residues_reach_the_others_through_the_language_model(predictor: Predictor) -> None:
    """Unconditional scores see no identity through the decoder: what is left is the language model's way."""
    structure = random_structure((16,), seed=4)
    designed = torch.arange(16) < 8
    first, hidden, given = (
        score(s, predictor=predictor, mode="unconditional", designed=designed).log_probs[designed]
        for s in (structure, mutated(structure, 2), mutated(structure, 12))
    )
    assert torch.equal(first, hidden)
    assert ((first - given).abs().amax(1) > 1e-6).all()


def test_probabilities_sum_to_one(predictor: Predictor) -> None:
    """Over the 20 structures that differ in the one designed residue: only so if none tells which it has."""
    structure = random_structure((10,), seed=6)
    designed = torch.arange(10) == 4
    total = 0.0
    for amino_acid in range(20):
        there = torch.where(designed, amino_acid, structure.residues)
        found = score(replace(structure, residues=there), predictor=predictor, designed=designed, orders=1)
        total += math.exp(float(found.log_likelihood[4].double()))
    assert total == pytest.approx(1.0, abs=1e-5)


def test_order_of_chains_and_place_change_nothing(predictor: Predictor) -> None:
    structure = random_structure((14, 9), seed=2)
    first = score(structure, predictor=predictor, designed="A:2-9")
    order = torch.cat([torch.arange(14, 23), torch.arange(14)])
    swapped = score(structure.take(order), predictor=predictor, designed="A:2-9")
    assert torch.allclose(first.log_likelihood[order], swapped.log_likelihood, atol=1e-4, equal_nan=True)
    graph = Backbone(structure, predictor).graph
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    assert torch.equal(graph.moved(rotation, torch.ones(3)).language, graph.language)


def test_every_estimator_takes_such_weights(predictor: Predictor) -> None:
    structure = random_structure((14, 9), seed=2)
    assert math.isfinite(scan(structure, predictor=predictor, estimator="ddg_like").scores[3, 0])
    assert math.isfinite(scan(structure, predictor=predictor, estimator="own_backbone").scores[3, 0])
    name = f"A:{structure.sequence[2]}3{'A' if structure.sequence[2] != 'A' else 'C'}"
    assert math.isfinite(score_mutants(structure, name, predictor=predictor).mutants[0].score)
    assert math.isfinite(interface_score(structure, "A|B", predictor=predictor, orders=2).total)
    (found,) = design(structure, predictor=predictor, fixed="chain A")
    assert found.sequence[:14] == structure.sequence[:14] and int(found.designed.sum()) == 9
    assert run_of("score", predictor)["language_model"]["name"] == "esm2_tiny"


def test_designs_have_the_likelihood_that_scoring_gives(predictor: Predictor) -> None:
    """The sampled identities differ from those of the input, which is masked in both."""
    structure = random_structure((12,), seed=8)
    only = torch.zeros(12, dtype=torch.bool)
    only[5] = True
    (found,) = design(structure, predictor=predictor, only="A:6", temperature=1.0, seed=5)
    again = score(found.with_sequence(), predictor=predictor, designed=only, orders=1)
    assert float(found.log_probs[5]) == pytest.approx(float(again.log_likelihood[5]), abs=1e-5)


@pytest.fixture
def weights(predictor: Predictor, tmp_path: Path) -> Path:
    return predictor.save(tmp_path / "with_language.safetensors")


def test_weights_name_their_language_model(
    weights: Path, esm2_checkpoint: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    structure = random_structure((14,), seed=2)
    expected = score(structure, predictor=predictor).mean
    assert score(structure, predictor=load_predictor(weights, language=esm2_checkpoint)).mean == expected
    monkeypatch.setenv("PROTEIN_ENN_ESM_WEIGHTS", str(esm2_checkpoint))
    assert score(structure, predictor=load_predictor(weights)).mean == expected
    monkeypatch.delenv("PROTEIN_ENN_ESM_WEIGHTS")
    with pytest.raises(ValueError, match=r"'with_language' take .* language model esm2_tiny .*--language-weights"):
        score(structure, predictor=load_predictor(weights))


def test_another_language_model_is_refused(weights: Path, esm2_checkpoint: Path, tmp_path: Path) -> None:
    content = torch.load(esm2_checkpoint, weights_only=False)
    torch.save({**content, "note": "another file"}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"trained with the language model esm2_tiny .*other.pt is another one"):
        load_predictor(weights, language=tmp_path / "other.pt")


def test_shipped_weights_take_none(esm2_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, bundle: Structure) -> None:
    with pytest.raises(ValueError, match="'design' take no language model: leave out"):
        load_predictor("design", language=esm2_checkpoint)
    monkeypatch.setenv("PROTEIN_ENN_ESM_WEIGHTS", "nowhere.pt")
    assert "language" not in Backbone(bundle, load_predictor("design")).graph
