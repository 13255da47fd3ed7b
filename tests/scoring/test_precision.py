"""Scores in bfloat16: near those in float32, computed in bfloat16 indeed, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import protein_enn as pe
from protein_enn.models.precision import PRECISIONS, InBFloat16
from protein_enn.predictor import Predictor, load_predictor, untrained
from protein_enn.scoring.backbone import sequence_model
from protein_enn.scoring.column import PROVENANCE
from protein_enn.structure import Structure

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


MUTANT = "A:I60A,A:W61F"


@pytest.fixture(scope="module")
def protein() -> Structure:
    return pe.read_structure(EXAMPLES / "1bhl.pdb")


@pytest.fixture(scope="module")
def predictors() -> tuple[Predictor, Predictor]:
    """float32 and bfloat16."""
    exact, rounded = (load_predictor("design", device="cpu", precision=precision) for precision in PRECISIONS)
    return exact, rounded


def test_a_score_in_bfloat16_is_near_that_in_float32(
    protein: Structure, predictors: tuple[Predictor, Predictor]
) -> None:
    exact, rounded = (pe.score(protein, predictor=predictor, orders=2) for predictor in predictors)
    difference = (exact.log_probs - rounded.log_probs).abs()
    assert 0 < difference.nanmean() < 0.05
    assert rounded.mean == pytest.approx(exact.mean, abs=0.01)
    assert rounded.log_probs.dtype == torch.float32


@pytest.mark.parametrize("mode", ["single", "unconditional"])
def test_so_is_every_mode(protein: Structure, predictors: tuple[Predictor, Predictor], mode: str) -> None:
    exact, rounded = (pe.score(protein, predictor=predictor, mode=mode).mean for predictor in predictors)
    assert exact != rounded
    assert rounded == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize("weights", ["design", "stability"])
def test_scans_and_multiple_mutants_agree(protein: Structure, weights: str) -> None:
    exact, rounded = (load_predictor(weights, device="cpu", precision=precision) for precision in PRECISIONS)
    scans = [pe.scan(protein, predictor=predictor).scores.flatten() for predictor in (exact, rounded)]
    both = torch.stack(scans)[:, ~torch.isnan(scans[0])]
    assert torch.corrcoef(both)[0, 1] > 0.999
    assert not torch.equal(*both)
    one, other = (pe.score_mutants(protein, MUTANT, predictor=predictor).mutants[0] for predictor in (exact, rounded))
    assert other.score == pytest.approx(one.score, abs=0.15)


def test_a_design_samples_in_bfloat16_too(protein: Structure, predictors: tuple[Predictor, Predictor]) -> None:
    exact, rounded = (pe.design(protein, predictor=predictor, temperature=0.0, seed=1)[0] for predictor in predictors)
    same = (exact.residues == rounded.residues).float().mean()
    assert same > 0.8
    assert rounded.provenance.precision == "bfloat16"


def test_the_precision_is_in_every_row(protein: Structure, predictors: tuple[Predictor, Predictor]) -> None:
    assert PROVENANCE[-1] == "precision"
    rows = [pe.score(protein, predictor=predictor, orders=1).row() for predictor in predictors]
    assert [row["precision"] for row in rows] == list(PRECISIONS)


@pytest.mark.parametrize("architecture", [None, "proteinmpnn"])
def test_all_that_scoring_calls_runs_in_bfloat16(
    protein: Structure, architecture: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"k": 8} if architecture else {"encoder": "invariant", "k": 8}
    predictor = replace(untrained("design", config, architecture=architecture), precision="bfloat16")
    model = sequence_model(predictor)
    assert isinstance(model, InBFloat16)
    called: set[str] = set()

    def seen(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*args: Any, **kwargs: Any) -> Any:
            called.add(name)
            assert torch.is_autocast_enabled("cpu"), name
            return call(*args, **kwargs)

        return inner

    for name in ("encode", "logits", "logits_by_order", "single", "last", "start"):
        monkeypatch.setattr(predictor.model, name, seen(name, getattr(predictor.model, name)))
    pe.score(protein, predictor=predictor, orders=1)
    pe.score(protein, predictor=predictor, mode="single")
    pe.score_mutants(protein, MUTANT, predictor=predictor)
    pe.design(protein, predictor=predictor, samples=1)
    assert called >= {"encode", "logits_by_order", "single", "last", "start"}
    assert not torch.is_autocast_enabled("cpu")


def test_another_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision must be float32 or bfloat16, not 'half'"):
        load_predictor("design", device="cpu", precision="half")
