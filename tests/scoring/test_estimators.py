"""An estimator is one entry of a registry: scans, mutants, training and the command line take it from there."""

from __future__ import annotations

import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from protein_enn.models.design import DesignModel
from protein_enn.predictor import Predictor
from protein_enn.scoring import ESTIMATORS, Estimator, scan, score_mutants
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.conditionals import Conditionals
from protein_enn.scoring.log_odds import log_odds
from protein_enn.structure import Structure
from protein_enn.training.tasks.ddg import DdgTask, MeasuredProtein, MutationGraphs

REGISTER = """
from protein_enn.scoring.estimators import ESTIMATORS, Estimator
ESTIMATORS["made_up"] = Estimator(lambda given: 2 * given.single, "twice single")
"""


def twice(given: Conditionals) -> Tensor:
    return 2 * given.single


def mutated(model: DesignModel, structure: Structure, places: list[int], mutants: list[int]) -> MutationGraphs:
    """Mutations of a structure as the task of measured mutations has them."""
    protein = MeasuredProtein(structure, places, mutants, [0.0] * len(places))
    return DdgTask(DdgTask.Config(), model).example(protein, torch.Generator(), True)[0]


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(ESTIMATORS, "made_up", Estimator(twice, "twice single"))
    return "made_up"


def test_a_new_estimator_scans(bundle: Structure, predictor: Predictor, made_up: str) -> None:
    found = scan(bundle, predictor=predictor, estimator=made_up)
    single = scan(bundle, predictor=predictor, estimator="single")
    torch.testing.assert_close(found.scores, 2 * single.scores)
    assert found.record()["estimator"] == made_up and single.scores.abs().max() > 0.1


@pytest.mark.parametrize("interacts", [True, False])
def test_a_new_estimator_scores_mutants_with_interactions_where_it_has_some(
    bundle: Structure, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, interacts: bool
) -> None:
    monkeypatch.setitem(ESTIMATORS, "made_up", Estimator(twice, "twice single", interacts=interacts))
    a, b = (f"A:{bundle.sequence[i]}{i + 1}{'W' if bundle.sequence[i] != 'W' else 'G'}" for i in (10, 11))
    (pair,) = score_mutants(bundle, f"{a},{b}", predictor=predictor, estimator="made_up").mutants
    (single,) = score_mutants(bundle, f"{a},{b}", predictor=predictor, estimator="single").mutants
    assert pair.additive == pytest.approx(2 * single.additive)
    assert pair.interaction == (pytest.approx(single.interaction) if interacts else 0)
    assert single.interaction != 0


def test_an_unknown_estimator_names_those_there_are(bundle: Structure, predictor: Predictor, made_up: str) -> None:
    with pytest.raises(ValueError, match="choose one of single, unconditional, own_backbone, ddg_like, made_up"):
        scan(bundle, predictor=predictor, estimator="other")


COMMANDS = f"""
import json
import sys
{REGISTER}
from typer.testing import CliRunner

from protein_enn.cli import app

results = [CliRunner().invoke(app, arguments) for arguments in json.loads(sys.argv[1])]
print(json.dumps([(result.exit_code, result.stdout) for result in results]))
"""
"""Several commands in one process where the estimator was registered before the command line was imported."""


def test_a_new_estimator_is_a_choice_of_the_command(
    examples: Path, tmp_path: Path, predictor: Predictor, made_up: str
) -> None:
    weights = predictor.save(tmp_path / "small.safetensors")
    scans = [
        [
            "scan",
            str(examples / "1bhl.pdb"),
            "--weights",
            str(weights),
            "--device",
            "cpu",
            "--json",
            "--estimator",
            name,
        ]
        for name in ("made_up", "single", "other")
    ]
    given = json.dumps([["scan", "--help"], *scans])
    done = subprocess.run([sys.executable, "-c", COMMANDS, given], capture_output=True, text=True, check=True)
    (_, shown), (_, of_made_up), (_, of_single), (refused, _) = json.loads(done.stdout)
    assert "made_up" in shown and "twice" in shown and refused == 2
    rows = {"made_up": json.loads(of_made_up)[0], "single": json.loads(of_single)[0]}
    assert rows["made_up"]["estimator"] == "made_up"
    twice, single = ([one["score"] for one in rows[name]["mutations"]] for name in ("made_up", "single"))
    assert twice == pytest.approx([2 * score for score in single], rel=1e-4) and any(single)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_is_differentiable_in_the_weights(bundle: Structure, predictor: Predictor, name: str) -> None:
    """With gradients it gives what it gives without, and every weight that it depends on has a finite one."""
    model = deepcopy(predictor.model).requires_grad_(True)
    assert isinstance(model, DesignModel)
    protein = mutated(model, bundle, [3, 20], [1, 2])
    order = torch.arange(len(protein.sequence))
    given = Conditionals(
        model, model.encode(protein.graph), protein.sequence, protein.graph.neighbor_mask, order, protein.alone
    )
    preference = ESTIMATORS[name](given)
    odds = preference - preference.gather(1, protein.sequence[:, None])
    expected = log_odds(Backbone(bundle, predictor), [name])[name]
    torch.testing.assert_close(odds.detach(), expected, atol=1e-5, rtol=0)
    odds.square().mean().backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert len(gradients) > 10 and all(gradient.isfinite().all() for gradient in gradients)
    assert any(gradient.abs().max() > 0 for gradient in gradients)


def test_training_learns_what_a_scan_scores(
    bundle: Structure, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one ddg_like: exchanged in the registry, it is another for both."""
    model, places, mutants = predictor.model, [3, 20], [1, 2]
    assert isinstance(model, DesignModel)
    protein = mutated(model, bundle, places, mutants)

    def both() -> tuple[Tensor, Tensor]:
        return scan(bundle, predictor=predictor).scores[places, mutants], DdgTask.scores(model, protein)

    before = both()
    torch.testing.assert_close(*before, atol=1e-5, rtol=0)
    monkeypatch.setitem(ESTIMATORS, "ddg_like", Estimator(twice, "twice single"))
    after = both()
    torch.testing.assert_close(*after, atol=1e-5, rtol=0)
    assert not torch.allclose(after[0], before[0], atol=1e-3)


def test_scores_measured_first_can_be_learned_from(bundle: Structure, predictor: Predictor) -> None:
    """The graph of the residues alone is made while scores are measured, without gradients."""
    model = deepcopy(predictor.model).requires_grad_(True)
    assert isinstance(model, DesignModel)
    protein = mutated(model, bundle, [3, 20], [1, 2])
    with torch.inference_mode():
        measured = DdgTask.scores(model, protein)
    scores = DdgTask.scores(model, protein)
    scores.sum().backward()
    torch.testing.assert_close(scores.detach(), measured.clone())
