"""The modes by their meaning: who sees whom, what the sum is, what must not change a score."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import score
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.orders import decoding_ranks
from protein_enn.structure import Structure


def mutated(structure: Structure, i: int) -> Structure:
    """The structure with another amino acid at residue i."""
    residues = structure.residues.clone()
    residues[i] = (residues[i] + 7) % 20
    return replace(structure, residues=residues)


def differs(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).abs().amax(-1) > 1e-6


def test_a_neighbor_is_visible_to_single_and_not_to_unconditional(bundle: Structure, predictor: Predictor) -> None:
    other = mutated(bundle, 10)
    single = differs(*(score(s, predictor=predictor, mode="single").log_probs for s in (bundle, other)))
    assert not single[10]  # its own identity is never shown to a residue
    assert single[9] and single[11]
    blind = differs(*(score(s, predictor=predictor, mode="unconditional").log_probs for s in (bundle, other)))
    assert not blind.any()


def test_an_order_shows_the_past_and_hides_the_future(bundle: Structure, predictor: Predictor) -> None:
    rank = decoding_ranks(bundle.chains, bundle.ca, 1, seed=3)[0]
    i = int((rank == 20).nonzero())

    def distributions(structure: Structure) -> Tensor:
        backbone = Backbone(structure, predictor)
        return backbone.log_probs(backbone.earlier_visible(rank))

    changed = differs(distributions(bundle), distributions(mutated(bundle, i)))
    assert changed.any()
    assert not changed[rank <= 20].any()


def test_orders_scored_at_once_are_those_scored_one_by_one(bundle: Structure, predictor: Predictor) -> None:
    scored = torch.arange(len(bundle)) % 3 > 0
    backbone = Backbone(bundle, predictor, scored)
    ranks = backbone.decoding_ranks(5, seed=2)
    alone = torch.stack([backbone.log_probs(backbone.earlier_visible(rank)) for rank in ranks])
    torch.testing.assert_close(backbone.log_probs_by_order("conditional", ranks), alone, atol=1e-5, rtol=1e-5)


def test_conditionals_multiply_to_a_joint_distribution(bundle: Structure, predictor: Predictor) -> None:
    """Over all 400 sequences of two residues, given the others, the joint probabilities add up to one."""
    pair = [10, 11]
    rest = torch.ones(len(bundle), dtype=torch.bool)
    rest[pair] = False
    rank = torch.arange(len(bundle)) + 2
    rank[pair] = torch.tensor([len(bundle) + 3, len(bundle) + 2])
    total = 0.0
    backbone = Backbone(bundle, predictor)
    visible = backbone.earlier_visible(rank)
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
    for rank in backbone.decoding_ranks(4, seed=2):
        log_probs = backbone.log_probs(backbone.earlier_visible(rank))
        joint.append(float(log_probs.gather(1, bundle.residues[:, None]).double().sum()))
    assert found.mean * len(bundle) == pytest.approx(sum(joint) / 4, abs=1e-4)
    draws = torch.tensor(joint).double().view(2, 2).mean(1) / len(bundle)
    assert found.standard_error == pytest.approx(float(draws.std()) / math.sqrt(2), rel=1e-3)
    assert found.perplexity == pytest.approx(math.exp(-found.mean))


def test_orders_come_with_their_reverse() -> None:
    chains, ca = torch.tensor([0] * 5 + [1] * 4), torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    first, second, third = decoding_ranks(chains, ca, 3, seed=0)
    assert torch.equal(first + second, torch.full((9,), 8))
    assert not torch.equal(first, third)
    assert sorted(third.tolist()) == list(range(9))


def test_a_chain_keeps_its_own_order_whatever_is_around() -> None:
    """In a complex and alone, under any chain number: the keys of its places are its own."""
    ca = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    chains = torch.tensor([4] * 12 + [2] * 10 + [3] * 8)
    for together, alone in zip(
        decoding_ranks(chains, ca, 4, seed=7), decoding_ranks(torch.zeros(10).long(), ca[12:22], 4, seed=7), strict=True
    ):
        assert torch.equal(together[12:22].argsort(), alone.argsort())
        assert sorted(together.tolist()) == list(range(30))


def test_copies_of_a_chain_are_decoded_place_by_place() -> None:
    ca = torch.randn(20, 3, generator=torch.Generator().manual_seed(1))
    rank = decoding_ranks(torch.arange(20) // 10, ca, 1, seed=0)[0]
    assert ((rank[:10] - rank[10:]).abs() == 1).all()


def test_over_many_orders_every_place_is_as_often_early_as_late() -> None:
    chains = torch.tensor([0] * 12 + [1] * 9)
    ranks = torch.stack(decoding_ranks(chains, torch.zeros(21, 3), 2000, seed=0)[::2]).double()
    assert (ranks.mean(0) - 10).abs().max() < 5 * 6.06 / 1000**0.5  # five standard errors of a uniform rank


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
    visible = backbone.earlier_visible(backbone.decoding_ranks(1, seed=0)[0])
    assert visible[(backbone.neighbors == 10) & backbone.mask & (torch.arange(48) != 10)[:, None]].all()
    residues = bundle.residues.clone()
    residues[10] = chemistry.UNKNOWN
    backbone = Backbone(replace(bundle, residues=residues), predictor)
    assert not backbone.all_visible()[backbone.neighbors == 10].any()


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
    (chain, other) = record["per_chain"]
    assert (chain["chain"], chain["residues"], other["chain"], other["scored"]) == ("A", 32, "B", 16)


def test_chains_make_up_the_whole(bundle: Structure, predictor: Predictor) -> None:
    found = score(bundle, predictor=predictor, orders=6)
    chains = found.chains()
    total = sum(chain["scored"] * chain["log_likelihood"] for chain in chains)
    assert total == pytest.approx(48 * found.mean, abs=1e-5)
    part = found.by_order[:, :32].double().mean(1).view(3, 2).mean(1)
    assert chains[0]["standard_error"] == pytest.approx(float(part.std()) / math.sqrt(3), rel=1e-6)
    assert chains[1]["recovery"] * 16 == pytest.approx(
        48 * found.recovery - 32 * chains[0]["recovery"], abs=1e-9
    )  # fmt: skip


def test_only_designed_residues_are_scored_and_the_others_are_given(bundle: Structure, predictor: Predictor) -> None:
    """With one residue designed, whatever the order, it sees all others: `single`."""
    found = score(bundle, predictor=predictor, designed="A:8", orders=2)
    assert found.scored.nonzero()[:, 0].tolist() == [7]
    single = score(bundle, predictor=predictor, mode="single")
    assert found.by_order[:, 7].tolist() == pytest.approx([float(single.log_likelihood[7])] * 2, abs=1e-6)
    row = found.row()
    assert (row["residues"], row["designed"], row["scored"], row["standard_error"]) == (48, 1, 1, None)
    mask = torch.arange(48) < 32
    named, masked = (score(bundle, predictor=predictor, designed=d, orders=2) for d in ("chain A", mask))
    assert torch.equal(named.by_order[:, :32], masked.by_order[:, :32]) and named.by_order[:, 32:].isnan().all()
    assert [chain["log_likelihood"] is None for chain in named.chains()] == [False, True]


def test_a_designed_residue_sees_all_that_is_given(bundle: Structure, predictor: Predictor) -> None:
    chosen = torch.arange(48) < 32
    backbone = Backbone(bundle, predictor, chosen)
    visible = backbone.earlier_visible(backbone.decoding_ranks(1, seed=0)[0])
    given = (backbone.neighbors >= 32) & backbone.mask
    assert visible[:32][given[:32]].all()
    assert not visible[32:][~given[32:]].any()  # what is given does not see what is designed


def test_nothing_designed_is_refused(bundle: Structure, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="none of its 0 designed residues"):
        score(bundle, predictor=predictor, designed="none")
    with pytest.raises(ValueError, match="a mask of 3 residues, not 48"):
        score(bundle, predictor=predictor, designed=torch.ones(3, dtype=torch.bool))
