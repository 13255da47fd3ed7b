"""Stability heads: what a mutation scores is a difference of two amino acids at one site."""

from __future__ import annotations

import torch

from protein_enn import chemistry
from protein_enn.models import build
from protein_enn.models.stability import TERMS, StabilityHead, StabilityHeads, properties

CONFIG = StabilityHeads.Config(heads=3, sites=5, hidden=8, dropout=0.5)


def inputs(n: int = 4) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((n, 16), (n, CONFIG.sites), (n, len(chemistry.AMINO_ACIDS), len(TERMS)))
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def test_amino_acids_with_equal_inputs_differ_only_by_their_own_properties() -> None:
    head = StabilityHead(CONFIG, 16).eval()
    nodes, sites, terms = inputs()
    with torch.no_grad():
        head.kind.weight.zero_()
        same = head(nodes, sites, torch.zeros_like(terms))
        assert torch.equal(same, same[:, :1].expand_as(same))
        head.own[3] += 1.0
        moved = head(nodes, sites, torch.zeros_like(terms))
    torch.testing.assert_close(moved[:, 3] - same[:, 3], torch.ones(4, 2))


def test_dropout_is_the_same_for_all_amino_acids_of_a_site() -> None:
    """Noise would not cancel in the difference of two amino acids that have the same input."""
    head = StabilityHead(CONFIG, 16).train()
    nodes, sites, terms = inputs()
    with torch.no_grad():
        head.kind.weight.zero_()
        found = head(nodes, sites, torch.zeros_like(terms))
        again = head(nodes, sites, torch.zeros_like(terms))
    assert torch.equal(found, found[:, :1].expand_as(found))
    assert not torch.equal(found, again), "dropout is at work"


def test_surroundings_are_standardized_and_cut() -> None:
    heads = StabilityHeads(CONFIG, 16)
    heads.mean.fill_(1.0)
    heads.deviation.fill_(2.0)
    assert heads.standardized(torch.tensor([[1.0, 3.0, 5.0, 1000.0, -1000.0]])).tolist() == [[0.0, 1.0, 2.0, 4.0, -4.0]]


def test_the_settings_of_a_design_model_build_its_heads_and_are_optional() -> None:
    small = {"encoder": "invariant", "k": 4, "hidden": 16, "decoder_layers": 1}
    assert build("design", small).stability is None
    heads = build("design", {**small, "stability": {"heads": 2}}).stability
    assert len(heads.heads) == 2 and len(properties()) == len(chemistry.AMINO_ACIDS)
