"""Sampling is exact: the likelihood it reports is the model's, whatever is decoded together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring import design
from protein_enn.scoring.likelihood import Backbone
from protein_enn.scoring.sampling import coloring
from protein_enn.structure import Structure


def test_no_two_of_one_color_see_each_other(bundle: Structure, predictor: Predictor) -> None:
    backbone = Backbone(bundle, predictor)
    color = coloring(backbone.neighbors, backbone.mask, torch.arange(len(bundle)))
    i, slot = (backbone.mask & (backbone.neighbors != torch.arange(len(bundle))[:, None])).nonzero(as_tuple=True)
    assert (color[i] != color[backbone.neighbors[i, slot]]).all()


def test_reported_likelihood_is_the_joint_one(bundle: Structure, predictor: Predictor) -> None:
    """One residue free: its log-likelihood is that of single mode for the drawn sequence."""
    ids = [bundle.residue_id(i) for i in range(len(bundle))]
    (made,) = design(bundle, predictor=predictor, temperature=1.0, fixed=set(ids) - {"A:8"}, seed=4)
    backbone = Backbone(bundle, predictor)
    log_probs = backbone.logits(made.residues, backbone.seen_by_all()).log_softmax(-1)
    assert made.log_likelihood == pytest.approx(float(log_probs[7, made.residues[7]]), abs=1e-5)
    assert made.designed == 1
    assert (made.residues == bundle.residues)[torch.arange(48) != 7].all()


def test_the_own_sequence_of_designed_residues_is_never_seen(bundle: Structure, predictor: Predictor) -> None:
    blank = replace(bundle, residues=torch.full_like(bundle.residues, chemistry.RESIDUE_INDEX["ALA"]))
    one, other = (design(s, predictor=predictor, temperature=1.0, seed=9)[0] for s in (bundle, blank))
    assert torch.equal(one.residues, other.residues)


def test_seed_and_temperature(bundle: Structure, predictor: Predictor) -> None:
    hot = [design(bundle, predictor=predictor, temperature=1.0, seed=s)[0].sequence for s in (0, 0, 1)]
    assert hot[0] == hot[1] != hot[2]
    greedy = design(bundle, predictor=predictor, temperature=0.0, samples=2)
    cold = design(bundle, predictor=predictor, temperature=1.0, samples=2)
    assert min(g.log_likelihood for g in greedy) > max(c.log_likelihood for c in cold)
    assert cold[0].sequence != cold[1].sequence
    assert not any(d.residues.eq(chemistry.UNKNOWN).any() for d in greedy + cold)


def test_wrong_wishes_are_refused(bundle: Structure, predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="no residue C:1; ids are chain:number, such as A:1"):
        design(bundle, predictor=predictor, fixed={"C:1", "A:1"})
    with pytest.raises(ValueError, match="every residue is fixed"):
        design(bundle, predictor=predictor, fixed=[bundle.residue_id(i) for i in range(48)])
    with pytest.raises(ValueError, match="temperature -1"):
        design(bundle, predictor=predictor, temperature=-1.0)
