"""Complex minus partners: only what the partner changes is left, and its sign is the sequence's gain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring import MODES, interface_score, score
from protein_enn.scoring.interface import REACH
from protein_enn.structure import Structure


@pytest.fixture(scope="module")
def trimer(bundle: Structure) -> Structure:
    """Chains of 18, 16 and 14 residues that touch each other; C is out of reach of some of A and B."""
    names, lengths = ("A", "B", "C"), torch.tensor([18, 16, 14])
    chains = torch.repeat_interleave(torch.arange(3), lengths)
    numbers = torch.cat([torch.arange(n) + 1 for n in lengths.tolist()])
    named = replace(bundle, chains=chains, chain_ids=names, label_chain_ids=names, numbers=numbers)
    return shifted(named, 12.0)


def shifted(structure: Structure, by: float) -> Structure:
    """With chain C farther along z, Å."""
    shift = torch.tensor([0.0, 0.0, by]) * (structure.chains == 2)[:, None, None]
    return structure.with_positions(structure.positions + shift)


@pytest.mark.parametrize("mode", MODES)
def test_it_is_the_complex_less_each_side_alone(trimer: Structure, predictor: Predictor, mode: str) -> None:
    found = interface_score(trimer, "A,B|C", predictor=predictor, mode=mode, orders=6)
    whole = score(trimer, predictor=predictor, mode=mode, orders=6)
    torch.testing.assert_close(found.bound, whole.by_order, atol=1e-5, rtol=0)
    parts = (trimer.take(torch.arange(34)), trimer.chain("C"))
    alone = torch.cat([score(p, predictor=predictor, mode=mode, orders=6).log_likelihood for p in parts])
    torch.testing.assert_close(found.gain, whole.log_likelihood - alone, atol=1e-4, rtol=0)
    assert found.total == pytest.approx(float((whole.log_likelihood - alone).sum()), abs=1e-3)
    assert abs(found.total) > 1e-3
    assert found.per_interface_residue == pytest.approx(found.total / int(found.interface.sum()))


def test_both_sides_of_the_difference_decode_in_the_same_orders(trimer: Structure, predictor: Predictor) -> None:
    """Residues out of sight of the other side gain nothing in any single order, not on average alone."""
    apart = shifted(trimer, 300.0)
    found = interface_score(apart, "A,B|C", predictor=predictor, orders=4)
    torch.testing.assert_close(found.bound, found.alone, atol=1e-4, rtol=0)
    assert found.total == pytest.approx(0.0, abs=2e-3)
    row = found.row()
    assert (row["interface_residues"], row["interface_score_per_residue"]) == (0, None)


def test_interface_residues_are_near_the_other_side(trimer: Structure, predictor: Predictor) -> None:
    found = interface_score(trimer, "A,B|C", predictor=predictor, mode="single")
    distance = (trimer.ca[:, None] - trimer.ca[None]).norm(dim=-1)
    side = trimer.chains == 2
    near = ((distance <= REACH) & (side[:, None] != side[None])).any(1)
    assert torch.equal(found.interface, near) and 0 < int(near.sum()) < 48


def test_sides_are_named_in_any_order_and_others_left_out(trimer: Structure, predictor: Predictor) -> None:
    options: dict[str, Any] = {"predictor": predictor, "mode": "single"}
    one, other = (interface_score(trimer, groups, **options) for groups in ("A|B", [["B"], ["A"]]))
    assert torch.equal(one.gain, other.gain) and one.structure.chains.unique().tolist() == [0, 1]
    pair = trimer.take(torch.arange(34))
    torch.testing.assert_close(one.gain, interface_score(pair, **options).gain)
    assert interface_score(trimer, **options).groups == (("A",), ("B",), ("C",))


def test_the_sign_is_the_gain_of_the_sequence(trimer: Structure, predictor: Predictor) -> None:
    """Of all amino acids at one residue, the one that the partner favors most has the highest score."""
    i, totals, expected = 22, [], []
    for residue in range(len(chemistry.AMINO_ACIDS)):
        residues = trimer.residues.clone()
        residues[i] = residue
        mutant = replace(trimer, residues=residues)
        found = interface_score(mutant, "A|B,C", predictor=predictor, mode="single", designed="B:5")
        totals.append(found.total)
        bound, alone = (
            score(s, predictor=predictor, mode="single", designed="B:5").mean
            for s in (mutant, mutant.take(torch.arange(18, 48)))
        )
        expected.append(bound - alone)
    assert totals == pytest.approx(expected, abs=1e-4)
    assert min(totals) < 0 < max(totals)


def test_row_and_record(trimer: Structure, predictor: Predictor) -> None:
    found = interface_score(trimer, "A|B", predictor=predictor, orders=6, designed="chain B")
    row, record = found.row(), found.record()
    assert (row["groups"], row["residues"], row["designed"], row["scored"], row["orders"]) == ("A|B", 34, 16, 16, 6)
    draws = (found.bound - found.alone)[:, 18:].double().sum(1).view(3, 2).mean(1)
    assert row["interface_standard_error"] == pytest.approx(float(draws.std()) / 3**0.5, rel=1e-6)
    assert record["kind"] == "interface" and all(record[key] == value for key, value in row.items())
    gains = record["per_residue"]["gain"]
    assert gains[:18] == [None] * 18 and sum(gains[18:]) == pytest.approx(row["interface_score"], abs=1e-5)


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        ("A", "at least two sides.*has chains A, B, C"),
        ("A|", "at least two sides"),
        ("A|D", "no protein chain 'D'"),
        ("A,B|B", "chain B is named more than once"),
        ([["A"]], "at least two sides"),
    ],
)
def test_what_is_no_interface_is_refused(trimer: Structure, predictor: Predictor, groups: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        interface_score(trimer, groups, predictor=predictor)
    with pytest.raises(ValueError, match="has chain A"):
        interface_score(trimer.chain("A"), predictor=predictor)
