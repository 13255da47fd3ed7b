"""Scores by stability heads: antisymmetric, with an error, coverage and what the training had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data.leakage import Fingerprint, fingerprint_path
from protein_enn.predictor import Predictor, load_predictor, untrained
from protein_enn.scoring import scan, score_mutants
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.estimators import DDG_LIKE, RT
from protein_enn.scoring.log_odds import log_odds
from protein_enn.scoring.stability import NONE_FOUND, NOT_RECORDED, head_without, training_overlap
from protein_enn.structure import Structure
from protein_enn.structure.new_sequence import with_sequence

SMALL = {"k": 16, "decoder_layers": 1, "hidden": 32, "encoder": "invariant"}


@pytest.fixture(scope="module")
def heads() -> Predictor:
    return untrained("design", {**SMALL, "stability": {"heads": 3}}, seed=2)


def test_a_mutation_and_its_reverse_are_exact_negatives(bundle: Structure, heads: Predictor) -> None:
    """The reverse is scored on the mutated sequence: nothing of the site knows which amino acid is there."""
    forth = log_odds(Backbone(bundle, heads), [DDG_LIKE])[DDG_LIKE].double()
    for i, letter in ((3, "W"), (20, "G"), (40, "P")):
        mutant, wild = chemistry.AMINO_ACIDS.index(letter), int(bundle.residues[i])
        residues = bundle.residues.clone()
        residues[i] = mutant
        back = log_odds(Backbone(with_sequence(bundle, residues), heads), [DDG_LIKE])[DDG_LIKE].double()
        assert abs(float(forth[i, mutant] + back[i, wild])) < 1e-12
        assert abs(float(forth[i, mutant])) > 1e-3


def test_mutations_add_around_a_cycle(bundle: Structure, heads: Predictor) -> None:
    scores = scan(bundle, predictor=heads).scores
    a, b = (chemistry.AMINO_ACIDS.index(letter) for letter in "WG")
    residues = bundle.residues.clone()
    residues[7] = a
    onward = scan(with_sequence(bundle, residues), predictor=heads).scores
    assert float(scores[7, a] + onward[7, b]) == pytest.approx(float(scores[7, b]), abs=1e-5)


def test_scores_are_the_mean_of_the_heads_in_units_of_rt(bundle: Structure, heads: Predictor) -> None:
    given = Backbone(bundle, heads).conditionals
    each = torch.stack([Backbone(bundle, heads, head=k).conditionals.stability[0] for k in range(3)])
    torch.testing.assert_close(each, given.stability)
    own = bundle.residues[:, None]
    mean = each.mean(0) - each.mean(0).gather(1, own)
    torch.testing.assert_close(scan(bundle, predictor=heads).scores, mean / RT, atol=1e-5, rtol=1e-4)


def test_other_estimators_and_conditions_do_not_use_the_heads(bundle: Structure, heads: Predictor) -> None:
    plain = scan(bundle, predictor=heads, estimator="single")
    assert plain.errors is None and plain.stability is None
    other = untrained("design", {**SMALL, "stability": {"heads": 3, "condition": "robust"}}, seed=2)
    zero_shot = scan(bundle, predictor=other)
    given = Backbone(bundle, other).conditionals
    own = (given.single - given.isolated).gather(1, bundle.residues[:, None])
    torch.testing.assert_close(zero_shot.scores, given.single - given.isolated - own)
    assert zero_shot.stability is None


def test_the_error_grows_with_the_spread_of_the_heads(bundle: Structure, heads: Predictor) -> None:
    found = scan(bundle, predictor=heads)
    assert found.errors is not None and found.stability is not None
    each = Backbone(bundle, heads).conditionals.stability
    each = each - each.gather(2, bundle.residues.expand(3, -1)[..., None])
    model = heads.model.stability
    e, k = (float(value) for value in model.error)  # type: ignore[union-attr]
    torch.testing.assert_close(found.errors, (e**2 + k**2 * each.var(0)).sqrt())
    row = found.rows()[0]
    assert row["ddg_error"] == pytest.approx(float(found.errors[0, chemistry.AMINO_ACIDS.index(row["mutant"])]))
    (mutant,) = score_mutants(bundle, [f"A:{bundle.sequence[0]}1{row['mutant']}"], predictor=heads).mutants
    assert mutant.ddg_error == pytest.approx(row["ddg_error"])


def test_a_mutation_without_counterpart_in_training_is_noted(bundle: Structure) -> None:
    heads = untrained("design", {**SMALL, "stability": {"heads": 2}}, seed=2)
    assert all("few in training: 0 to" in row["notes"] for row in scan(bundle, predictor=heads).rows())
    coverage: Any = heads.model.stability.coverage  # type: ignore[union-attr]
    coverage[:, :, chemistry.AMINO_ACIDS.index("A")] = 5
    noted = {row["mutant"]: "few in training" in row["notes"] for row in scan(bundle, predictor=heads).rows()}
    assert not noted.pop("A") and all(noted.values())


def test_a_protein_of_the_training_is_known_and_has_a_head_without_it(
    tmp_path: Path, examples: Path, heads: Predictor
) -> None:
    from protein_enn import read_structure

    structure = read_structure(examples / "1bhl.pdb")
    path = heads.save(tmp_path / "heads.safetensors")
    assert training_overlap(structure, load_predictor(path, "cpu")) == NOT_RECORDED
    path = heads.save(tmp_path / "known.safetensors")
    Fingerprint.of([("cluster 1", "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"), ("ddg 2 17", structure.sequence)]).save(
        fingerprint_path(path)
    )
    known = load_predictor(path, "cpu")
    assert training_overlap(structure, known) == "measured mutations: A"
    assert head_without(structure, known, ["A"]) == 2
    assert scan(structure, predictor=known).training == "measured mutations: A"
    reverse = replace(structure, residues=structure.residues.flip(0))
    assert training_overlap(reverse, known) == NONE_FOUND and head_without(reverse, known, ["A"]) is None
