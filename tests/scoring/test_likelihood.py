"""The modes by their meaning: who sees whom, what the sum is, what must not change a score."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import MODES, score
from protein_enn.scoring.likelihood import Backbone, decoding_ranks
from protein_enn.structure import Structure


def mutated(structure: Structure, i: int) -> Structure:
    """The structure with another amino acid at residue i."""
    residues = structure.residues.clone()
    residues[i] = (residues[i] + 7) % 20
    return replace(structure, residues=residues)


def differs(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().amax(-1) > 1e-6


def test_a_neighbour_is_seen_by_single_and_not_by_unconditional(bundle: Structure, predictor: Predictor) -> None:
    other = mutated(bundle, 10)
    single = differs(*(score(s, predictor=predictor, mode="single").log_probs for s in (bundle, other)))
    assert not single[10]  # its own identity is never shown to a residue
    assert single[9] and single[11]
    blind = differs(*(score(s, predictor=predictor, mode="unconditional").log_probs for s in (bundle, other)))
    assert not blind.any()


def test_an_order_shows_the_past_and_hides_the_future(bundle: Structure, predictor: Predictor) -> None:
    rank = decoding_ranks(len(bundle), 1, seed=3)[0]
    i = int((rank == 20).nonzero())

    def distributions(structure: Structure) -> Tensor:
        backbone = Backbone(structure, predictor)
        return backbone.log_probs(backbone.seen_in_order(rank))

    changed = differs(distributions(bundle), distributions(mutated(bundle, i)))
    assert changed.any()
    assert not changed[rank <= 20].any()


def test_conditionals_multiply_to_a_joint_distribution(bundle: Structure, predictor: Predictor) -> None:
    """Over all 400 sequences of two residues, given the others, the joint probabilities add up to one."""
    pair = [10, 11]
    rest = torch.ones(len(bundle), dtype=torch.bool)
    rest[pair] = False
    rank = torch.arange(len(bundle)) + 2
    rank[pair] = torch.tensor([len(bundle) + 3, len(bundle) + 2])
    total = 0.0
    backbone = Backbone(bundle, predictor)
    visible = backbone.seen_in_order(rank)
    for a in range(20):
        for b in range(20):
            sequence = bundle.residues.clone()
            sequence[pair] = torch.tensor([a, b])
            log_probs = backbone.logits(sequence, visible).log_softmax(-1)
            total += math.exp(float(log_probs[10, a] + log_probs[11, b]))
    assert total == pytest.approx(1.0, abs=1e-4)


def test_conditional_is_the_mean_over_orders_of_the_joint(bundle: Structure, predictor: Predictor) -> None:
    found = score(bundle, predictor=predictor, orders=4, seed=2)
    backbone = Backbone(bundle, predictor)
    joint = []
    for rank in decoding_ranks(len(bundle), 4, seed=2):
        log_probs = backbone.log_probs(backbone.seen_in_order(rank))
        joint.append(float(log_probs.gather(1, bundle.residues[:, None]).double().sum()))
    assert found.mean * len(bundle) == pytest.approx(sum(joint) / 4, abs=1e-4)
    draws = torch.tensor(joint).double().view(2, 2).mean(1) / len(bundle)
    assert found.standard_error == pytest.approx(float(draws.std()) / math.sqrt(2), rel=1e-3)
    assert found.perplexity == pytest.approx(math.exp(-found.mean))


def test_orders_come_with_their_reverse() -> None:
    first, second, third = decoding_ranks(9, 3, seed=0)
    assert torch.equal(first + second, torch.full((9,), 8))
    assert not torch.equal(first, third)
    assert sorted(third.tolist()) == list(range(9))


@pytest.mark.parametrize("mode", MODES)
def test_moving_and_renaming_change_nothing(bundle: Structure, predictor: Predictor, mode: str) -> None:
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)))[0]
    turn = turn * torch.linalg.det(turn)
    moved = replace(bundle.moved(turn, torch.tensor([40.0, -7.0, 100.0])), chain_ids=("x", "y"))
    expected, found = (score(s, predictor=predictor, mode=mode, orders=2) for s in (bundle, moved))
    torch.testing.assert_close(found.log_probs, expected.log_probs, atol=2e-3, rtol=0)
    assert found.mean == pytest.approx(expected.mean, abs=2e-4)


@pytest.mark.parametrize("mode", ["single", "unconditional"])
def test_the_order_of_chains_changes_nothing(bundle: Structure, predictor: Predictor, mode: str) -> None:
    order = torch.cat([torch.arange(32, 48), torch.arange(32)])
    swapped = bundle.take(order)
    swapped = replace(swapped, chains=1 - swapped.chains, chain_ids=("B", "A"), label_chain_ids=("B", "A"))
    expected, found = (score(s, predictor=predictor, mode=mode) for s in (bundle, swapped))
    torch.testing.assert_close(found.log_probs, expected.log_probs[order], atol=2e-3, rtol=0)


def test_the_seed_decides(bundle: Structure, predictor: Predictor) -> None:
    one, same, other = (score(bundle, predictor=predictor, orders=2, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.log_probs, same.log_probs)
    assert not torch.equal(one.log_probs, other.log_probs)


def test_unknown_and_incomplete_residues_are_counted_and_not_scored(bundle: Structure, predictor: Predictor) -> None:
    residues, present = bundle.residues.clone(), bundle.present.clone()
    residues[3] = chemistry.UNKNOWN
    present[5, chemistry.N] = False
    present[7] = False
    broken = replace(bundle, residues=residues, present=present)
    found = score(broken, predictor=predictor, orders=2)
    assert (~found.scored).nonzero()[:, 0].tolist() == [3, 5, 7]
    assert found.log_probs[[3, 5, 7]].isnan().all()
    row = found.row()
    assert (row["residues"], row["scored"]) == (48, 45)
    record = found.record()
    assert [record["per_residue"][key][5] for key in ("log_likelihood", "entropy", "best")] == [None] * 3
    assert record["per_residue"]["residue"][3] == "UNK"


def test_residues_that_are_not_scored_show_themselves_to_all(bundle: Structure, predictor: Predictor) -> None:
    present = bundle.present.clone()
    present[10, chemistry.N] = False
    backbone = Backbone(replace(bundle, present=present), predictor)
    visible = backbone.seen_in_order(decoding_ranks(len(bundle), 1, seed=0)[0])
    assert visible[(backbone.neighbors == 10) & backbone.mask & (torch.arange(48) != 10)[:, None]].all()
    residues = bundle.residues.clone()
    residues[10] = chemistry.UNKNOWN
    backbone = Backbone(replace(bundle, residues=residues), predictor)
    assert not backbone.seen_by_all()[backbone.neighbors == 10].any()


def test_what_cannot_be_scored_is_refused(bundle: Structure, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="bundle: none of its 48 residues"):
        score(replace(bundle, residues=torch.full_like(bundle.residues, 20)), predictor=predictor)
    with pytest.raises(ValueError, match="choose one of conditional"):
        score(bundle, predictor=predictor, mode="joint")
    with pytest.raises(ValueError, match="orders is 0"):
        score(bundle, predictor=predictor, orders=0)
    with pytest.raises(ValueError, match="is for refinement"):
        score(bundle, predictor=untrained("refinement"))


def test_row_and_record_agree(bundle: Structure, predictor: Predictor) -> None:
    found = score(bundle, predictor=predictor, mode="single")
    row, record = found.row(), found.record()
    assert record["kind"] == "score" and all(record[key] == value for key, value in row.items())
    assert (row["orders"], row["standard_error"], row["weights_sha256"]) == (1, None, predictor.sha256)
    per_residue = record["per_residue"]
    assert {len(values) for values in per_residue.values()} == {48}
    assert row["log_likelihood"] == pytest.approx(sum(per_residue["log_likelihood"]) / 48, abs=1e-6)
    agreeing = [b == r for b, r in zip(per_residue["best"], per_residue["residue"], strict=True)]
    assert row["recovery"] == pytest.approx(sum(agreeing) / 48)
    assert all(0 < entropy <= math.log(20) + 1e-6 for entropy in per_residue["entropy"])
