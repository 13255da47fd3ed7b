"""Designs keep to what was asked for, and say what they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.packing.rebuild import with_oxygen
from protein_enn.predictor import Predictor
from protein_enn.scoring import design
from protein_enn.structure import Structure


def test_seed_and_temperature(bundle: Structure, predictor: Predictor) -> None:
    hot = [design(bundle, predictor=predictor, temperature=1.0, seed=s)[0].sequence for s in (0, 0, 1)]
    assert hot[0] == hot[1] != hot[2]
    greedy = design(bundle, predictor=predictor, temperature=0.0, samples=2)
    cold = design(bundle, predictor=predictor, temperature=1.0, samples=2)
    assert min(g.log_likelihood for g in greedy) > max(c.log_likelihood for c in cold)
    assert cold[0].sequence != cold[1].sequence
    assert not any(d.residues.eq(chemistry.UNKNOWN).any() for d in greedy + cold)


def test_several_temperatures_are_several_runs(bundle: Structure, predictor: Predictor) -> None:
    both = design(bundle, predictor=predictor, temperature=[0.5, 2.0], samples=3)
    assert [(d.sample, d.temperature) for d in both] == [(i, 0.5 if i < 4 else 2.0) for i in range(1, 7)]
    alone = design(bundle, predictor=predictor, temperature=2.0, samples=2)
    assert [d.sequence for d in both[3:5]] == [d.sequence for d in alone]


def test_more_samples_begin_with_the_same(
    bundle: Structure, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = design(bundle, predictor=predictor, temperature=1.0, samples=2)
    monkeypatch.setattr("protein_enn.scoring.sampling.TOGETHER", 100)  # two samples at once, not all five
    many = design(bundle, predictor=predictor, temperature=1.0, samples=5)
    assert [d.sequence for d in many[:2]] == [d.sequence for d in few]
    assert len({d.sequence for d in many}) == 5


def test_fixed_residues_and_other_chains_stay(bundle: Structure, predictor: Predictor) -> None:
    for one in design(bundle, predictor=predictor, temperature=5.0, samples=3, chains="A", fixed=["A:3", "A:10-14"]):
        kept = [2, *range(9, 14), *range(32, 48)]
        assert torch.equal(one.residues[kept], bundle.residues[kept])
        assert torch.equal(~one.designed, torch.isin(torch.arange(48), torch.tensor(kept)))
        assert one.chains["B"] == bundle.sequence[32:] and one.chains["A"] != bundle.sequence[:32]
        assert one.row()["designed"] == 26


def test_a_missing_oxygen_is_placed_for_the_network_alone(bundle: Structure, predictor: Predictor) -> None:
    present = bundle.present.clone()
    present[:, chemistry.O] = False
    bare = replace(bundle, present=present)
    (one,) = design(bare, predictor=predictor, temperature=1.0)
    (same,) = design(with_oxygen(bare), predictor=predictor, temperature=1.0)
    assert one.sequence == same.sequence and torch.equal(one.log_probs, same.log_probs)
    assert not one.structure.present[:, chemistry.O].any()


def test_residues_without_backbone_stay(bundle: Structure, predictor: Predictor) -> None:
    present = bundle.present.clone()
    present[5, chemistry.N] = False  # kept, and visible
    present[6, chemistry.CA] = False  # no node at all
    (one,) = design(replace(bundle, present=present), predictor=predictor, ties=["A:20=B:1"])
    assert (~one.designed).nonzero()[:, 0].tolist() == [5, 6]
    assert torch.equal(one.residues[5:7], bundle.residues[5:7]) and one.residues[19] == one.residues[32]


def test_omitted_amino_acids_never_come(bundle: Structure, predictor: Predictor) -> None:
    found = design(
        bundle, predictor=predictor, temperature=20.0, samples=20, omit="CX", omit_at={"A:1-16": "AGW", "B:": "D"}
    )
    together = "".join(d.sequence for d in found)
    assert set(together) == set(chemistry.AMINO_ACIDS) - {"C"}
    assert not any(set(d.sequence[:16]) & set("AGW") or set(d.sequence[32:]) & set("D") for d in found)


def test_tied_chains_of_a_dimer_are_equal(bundle: Structure, predictor: Predictor) -> None:
    dimer = bundle.take(torch.cat([torch.arange(16), torch.arange(32, 48)]))
    for one in design(dimer, predictor=predictor, temperature=2.0, samples=5, tie_chains=["A,B"]):
        assert one.chains["A"] == one.chains["B"]
    loose = design(dimer, predictor=predictor, temperature=2.0)[0]
    assert loose.chains["A"] != loose.chains["B"]


def test_tied_residues_are_equal(bundle: Structure, predictor: Predictor) -> None:
    for one in design(bundle, predictor=predictor, temperature=2.0, samples=5, ties=["A:1-4=A:9-12=B:3-6", "A:1=A:30"]):
        assert one.sequence[0:4] == one.sequence[8:12] == one.sequence[34:38]
        assert one.sequence[0] == one.sequence[29]


def test_bias(bundle: Structure, predictor: Predictor) -> None:
    plain, zero = (design(bundle, predictor=predictor, temperature=1.0, bias=b)[0] for b in ("", {"W": 0.0, "K": 0.0}))
    assert plain.sequence == zero.sequence and torch.equal(plain.log_probs.nan_to_num(), zero.log_probs.nan_to_num())
    (strong,) = design(bundle, predictor=predictor, temperature=1.0, bias="W:60", bias_at={"B:": {"K": 120.0}})
    assert strong.sequence == "W" * 32 + "K" * 16
    (never,) = design(bundle, predictor=predictor, temperature=1.0, bias="W:60", omit_at={"A:1-3": "W"})
    assert "W" not in never.sequence[:3] and set(never.sequence[3:]) == {"W"}


def test_duplicates_are_marked(bundle: Structure, predictor: Predictor) -> None:
    found = design(bundle, predictor=predictor, temperature=1.0, samples=30, only="A:4", omit="ARNDCQEGHILKMFPST")
    firsts: dict[str, int] = {}
    for one in found:
        expected = firsts.setdefault(one.sequence, one.sample)
        assert one.duplicate_of == (None if expected == one.sample else expected)
    assert len(firsts) == 3


def test_recovery_counts_what_is_known(bundle: Structure, predictor: Predictor) -> None:
    letters = bundle.residues[[0, 1, 2]].tolist()
    names = ["A:1", "A:2", "A:3"]
    bias_at = {n: {chemistry.LETTERS[r]: 60.0} for n, r in zip(names, letters, strict=True)}
    bias_at["A:3"] = {chemistry.LETTERS[(letters[2] + 1) % 20]: 60.0}
    (one,) = design(bundle, predictor=predictor, only=names, bias_at=bias_at)
    assert one.recovery == pytest.approx(2 / 3)
    unknown = replace(bundle, residues=torch.full_like(bundle.residues, chemistry.UNKNOWN))
    (other,) = design(unknown, predictor=predictor)  # a backbone without any sequence
    assert other.row()["recovery"] is None and "X" not in other.sequence


def test_probabilities(bundle: Structure, predictor: Predictor) -> None:
    (one,) = design(bundle, predictor=predictor, chains="A")
    assert (one.probabilities[32:] == 1).all() and ((one.probabilities[:32] > 0) & (one.probabilities[:32] < 1)).all()
    assert one.probabilities[:32].log().mean() == pytest.approx(one.log_likelihood, abs=1e-5)


def test_wrong_wishes_are_refused(bundle: Structure, predictor: Predictor) -> None:
    for temperature in (-1.0, [0.1, float("nan")], []):
        with pytest.raises(ValueError, match="temperature"):
            design(bundle, predictor=predictor, temperature=temperature)
    with pytest.raises(ValueError, match="samples 0"):
        design(bundle, predictor=predictor, samples=0)
