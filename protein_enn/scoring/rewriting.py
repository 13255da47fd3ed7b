"""Rewriting the least certain residues of a sampled sequence.

In each round every designed residue is scored given all others; those of the lowest log p are drawn anew, given the
rest. A sequence decoded once has residues that were drawn before their neighbors were known: these are drawn again.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.decoding import Decoder
from protein_enn.scoring.sampling import Draw, Problem, sample

FRACTION = 0.1
"""Of the designed residues, rewritten in a round."""


def rewrite(
    backbone: Backbone, decoder: Decoder, problem: Problem, draw: Draw, temperature: float, seed: int, rounds: int
) -> Draw:
    """The draw after so many rounds; its likelihoods are those of its last order, in which rewritten residues are last.

    Tied residues are scored and drawn together. What is drawn depends on `seed` and the round alone.
    """
    if not rounds or not bool(problem.free.any()):
        return draw
    for number in range(1, rounds + 1):
        chosen = _least_certain(problem, backbone.certainty(draw.sequence))
        again = replace(problem, sequence=draw.sequence, free=chosen)
        (new,) = sample(decoder, again, temperature, seed + number, 1)
        kept = torch.where(chosen, -1, draw.order)
        order = torch.where(chosen, int(kept.max()) + 1 + new.order, kept)
        draw = Draw(new.sequence, draw.log_probs, _consecutive(order))
    return replace(draw, log_probs=_joint(backbone, problem, draw))


def _least_certain(problem: Problem, certain: Float[Tensor, "g"]) -> Bool[Tensor, "g"]:
    """The designed residues of the groups whose mean log p is lowest."""
    groups, group = problem.groups[problem.free].unique(return_inverse=True)
    total = torch.zeros(len(groups), dtype=torch.double).index_add_(0, group, certain[problem.free].double())
    mean = total / group.bincount(minlength=len(groups))
    lowest = groups[mean.argsort(stable=True)[: math.ceil(FRACTION * len(groups))]]
    return problem.free & torch.isin(problem.groups, lowest)


def _consecutive(order: Int[Tensor, "g"]) -> Int[Tensor, "g"]:
    """The same order of steps, numbered without gaps; -1 stays."""
    steps = order[order >= 0].unique()
    return torch.where(order < 0, order, torch.searchsorted(steps, order.clamp(min=0)))


def _joint(backbone: Backbone, problem: Problem, draw: Draw) -> Float[Tensor, "g"]:
    """Log p of each drawn identity given what comes before it in the order; nan where none was drawn."""
    first = torch.where(draw.order < 0, backbone.base - len(backbone.base), draw.order)
    visible = backbone.all_visible(draw.sequence) & (first[problem.neighbors] < first[:, None])
    log_probs = backbone.logits(draw.sequence, visible).log_softmax(-1)
    own = log_probs.gather(1, draw.sequence.clamp(max=log_probs.shape[1] - 1)[:, None])[:, 0]
    return torch.where(draw.order < 0, math.nan, own)
