"""A draft rewritten keeps every constraint, says its exact likelihood, and is more certain than the draft."""

from __future__ import annotations

import pytest
import torch

from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring import design
from protein_enn.scoring.backbone import Backbone
from protein_enn.structure import Structure


def exact(structure: Structure, predictor: Predictor, one) -> torch.Tensor:
    """Log p of the designed residues in the order of the design, by one teacher-forced pass."""
    backbone = Backbone(structure, predictor, one.designed)
    order = one.order[backbone.rows]
    first = torch.where(order < 0, backbone.base - len(order), order)
    visible = backbone.mask & (first[backbone.neighbors] < first[:, None])
    sequence = one.residues[backbone.rows]
    return backbone.logits(sequence, visible).log_softmax(-1).gather(1, sequence[:, None])[:, 0]


def test_the_likelihood_is_that_of_the_last_order(bundle: Structure, predictor: Predictor) -> None:
    (one,) = design(bundle, predictor=predictor, temperature=1.0, rewrites=3, fixed=["A:1-9"])
    chosen = one.designed
    torch.testing.assert_close(one.log_probs[chosen], exact(bundle, predictor, one)[chosen], atol=1e-5, rtol=0)
    assert one.log_probs[~chosen].isnan().all()
    steps = one.order[chosen]
    assert sorted(set(steps.tolist())) == list(range(int(steps.max()) + 1))


def test_constraints_stay(bundle: Structure, predictor: Predictor) -> None:
    free = design(bundle, predictor=predictor, temperature=2.0, rewrites=4, samples=2, fixed=["A:1-9"],
                  ties=["A:20=B:1"], omit="C")  # fmt: skip
    for one in free:
        assert torch.equal(one.residues[:9], bundle.residues[:9])
        assert one.residues[19] == one.residues[32] and one.order[19] == one.order[32]
        assert "C" not in "".join(one.sequence[i] for i in one.designed.nonzero()[:, 0].tolist())


def test_samples_do_not_depend_on_how_many_follow(bundle: Structure, predictor: Predictor) -> None:
    few = design(bundle, predictor=predictor, temperature=1.0, samples=2, rewrites=2)
    many = design(bundle, predictor=predictor, temperature=1.0, samples=4, rewrites=2)
    assert [d.sequence for d in few] == [d.sequence for d in many[:2]]
    drafts = design(bundle, predictor=predictor, temperature=1.0, samples=2)
    assert all(d.sequence != r.sequence for d, r in zip(drafts, few, strict=True))


def test_what_is_rewritten_is_more_certain(bundle: Structure) -> None:
    shipped = load_predictor("design", device="cpu")
    certainty = []
    for rewrites in (0, 3):
        drawn = design(bundle, predictor=shipped, temperature=1.0, samples=8, rewrites=rewrites)
        backbone = Backbone(bundle, shipped)
        certainty.append(torch.stack([backbone.certainty(d.residues[backbone.rows]).mean() for d in drawn]).mean())
    assert certainty[1] > certainty[0] + 0.05


def test_a_negative_number_is_refused(bundle: Structure, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="rewrites -1"):
        design(bundle, predictor=predictor, rewrites=-1)
