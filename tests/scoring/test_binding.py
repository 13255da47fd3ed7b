"""Binding: a mutation in the complex less the same in its own side alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn.models.stability import BINDING
from protein_enn.predictor import Predictor
from protein_enn.scoring import scan, score_mutants
from protein_enn.structure import Structure


def apart(structure: Structure) -> Structure:
    """With chain B out of sight."""
    shift = torch.tensor([0.0, 0.0, 500.0]) * (structure.chains == 1)[:, None, None]
    return structure.with_positions(structure.positions + shift)


def test_a_scan_is_the_complex_less_the_side_alone(bundle: Structure, predictor: Predictor) -> None:
    found = scan(bundle, groups="A|B", predictor=predictor)
    whole = scan(bundle, predictor=predictor, estimator="single").scores
    alone = torch.cat([scan(bundle.chain(name), predictor=predictor, estimator="single").scores for name in "AB"])
    torch.testing.assert_close(found.scores, whole - alone, atol=1e-4, rtol=0)
    assert found.scores.abs().max() > 1e-2
    assert (found.estimator, found.metrics()["groups"]) == (BINDING, "A|B")
    assert found.ddg_like is None and "no heads" in found.calibration


def test_sides_that_do_not_meet_bind_by_nothing(bundle: Structure, predictor: Predictor) -> None:
    found = scan(apart(bundle), groups="A|B", predictor=predictor)
    assert found.scores.abs().max() < 1e-4


def test_chains_of_no_side_are_left_out(bundle: Structure, predictor: Predictor) -> None:
    third = replace(bundle, chain_ids=("A", "B"))
    ids = torch.where((third.chains == 1) & (third.numbers > 8), 2, third.chains)
    three = replace(third, chains=ids, chain_ids=("A", "B", "C"), label_chain_ids=("A", "B", "C"))
    found = scan(three, groups="A|B", predictor=predictor)
    without = three.take(three.chains < 2)
    assert len(found.structure) == len(without)
    torch.testing.assert_close(found.scores, scan(without, groups="A|B", predictor=predictor).scores)


@pytest.mark.parametrize("several", [("A", "A"), ("A", "B"), ("A", "A", "B")])
def test_mutants_have_the_interaction_bound_less_that_alone(
    bundle: Structure, predictor: Predictor, several: tuple[str, ...]
) -> None:
    rows = [i for i in range(len(bundle)) if bundle.chain_ids[int(bundle.chains[i])] == "A"][-2:]
    rows = rows[: several.count("A")] + [32] * several.count("B")
    mutant = ",".join(
        f"{bundle.chain_ids[int(bundle.chains[i])]}:{bundle.sequence[i]}{int(bundle.numbers[i])}"
        f"{'W' if bundle.sequence[i] != 'W' else 'A'}"
        for i in rows
    )
    (found,) = score_mutants(bundle, mutant, groups="A|B", predictor=predictor).mutants
    (whole,) = score_mutants(bundle, mutant, predictor=predictor, estimator="single").mutants
    expected = whole.score
    for chain in "AB":
        own = ",".join(part for part in mutant.split(",") if part.startswith(chain))
        if own:
            expected -= (
                score_mutants(bundle.chain(chain), own, predictor=predictor, estimator="single").mutants[0].score
            )
    assert found.score == pytest.approx(expected, abs=1e-4) and abs(found.score) > 1e-3


def test_heads_give_their_difference_and_only_those_for_binding_kilocalories(bundle: Structure) -> None:
    """The shipped stability heads say how much more stable the mutant is bound than alone, but that is no affinity."""
    given = scan(bundle, groups="A|B", predictor="stability")
    whole = scan(bundle, predictor="stability").scores
    alone = torch.cat([scan(bundle.chain(name), predictor="stability").scores for name in "AB"])
    torch.testing.assert_close(given.scores, whole - alone, atol=1e-4, rtol=0)
    assert given.ddg_like is None and given.errors is None


def test_groups_that_are_no_sides_are_refused(bundle: Structure, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="at least two sides"):
        scan(bundle, groups="A", predictor=predictor)
    with pytest.raises(ValueError, match="no protein chain 'Z'"):
        score_mutants(bundle, f"A:{bundle.sequence[0]}1A", groups="A|Z", predictor=predictor)
