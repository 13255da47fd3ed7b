"""Sequences for a backbone, sampled autoregressively, exactly, and in few passes.

The residues are colored so that no two neighbors have one color; the colors are decoded one after the other. Within a
color no residue sees another, so decoding them together gives the same probabilities as one by one. A group of tied
residues is one node of the colored graph. Only the residues of the present color are decoded, those of many samples at
once. Nothing here knows of structures: a design problem is a handful of tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.graph.coloring import coloring
from protein_enn.scoring.decoding import Decoder

TOGETHER = 16_384
"""Residues of samples that are decoded at once: few calls for each, and little memory."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What is to be sampled, for the g nodes of a graph; as in `Constraints`."""

    neighbors: Int[Tensor, "g k"]
    mask: Bool[Tensor, "g k"]  # which neighbors exist
    sequence: Int[Tensor, "g"]  # identities that are kept where not free; an unknown one shows nothing
    free: Bool[Tensor, "g"]
    bias: Float[Tensor, "g 20"]
    groups: Int[Tensor, "g"]
    weights: Float[Tensor, "g"]
    profile: Float[Tensor, "g 20"] | None = None  # weight times probability, to be mixed into those of the network


@dataclass(frozen=True, eq=False)
class Draw:
    """One sampled sequence."""

    sequence: Int[Tensor, "g"]
    log_probs: Float[Tensor, "g"]  # ln p of each drawn identity by its own logits, no bias; nan where nothing was drawn
    order: Int[Tensor, "g"]  # the step at which each was drawn; -1: known from the start


def sample(decoder: Decoder, problem: Problem, temperature: float, seed: int, samples: int) -> Iterator[Draw]:
    """Draw argmax_a (l(a) + b(a) + T G_a) group by group, G from Gumbel(0, 1): exactly softmax((l + b) / T).

    At T = 0 this is the most probable identity. With a profile of weight w and probabilities q it is argmax_a (ln p'(a)
    + G_a), p' = (1 - w) softmax((l + b) / T) + w q, as in ProteinMPNN; of a group, w and w q are means. The first
    samples of a seed are the same however many follow.
    """
    generator = torch.Generator().manual_seed(seed)
    linked = links(problem)
    together = max(1, TOGETHER // len(problem.sequence))
    for start in range(0, samples, together):
        count = min(together, samples - start)
        plans = [_plan(problem, linked, generator) for _ in range(count)]
        order, noise = (torch.stack(parts) for parts in zip(*plans, strict=True))
        yield from _decode(decoder, problem, order, noise, temperature)


def _plan(
    problem: Problem, linked: list[set[int]], generator: torch.Generator
) -> tuple[Int[Tensor, "g"], Float[Tensor, "g 20"]]:
    """The step at which each residue is drawn, and Gumbel noise for each group (by its first residue)."""
    g = len(problem.sequence)
    color = coloring(linked, torch.randperm(g, generator=generator))
    rank = torch.randperm(int(color.max()) + 1, generator=generator)
    order = torch.where(problem.free, rank[color[problem.groups]], -1)
    uniform = torch.rand(g, 20, generator=generator, dtype=torch.float64)
    return order, -torch.log(-torch.log(uniform.clamp(min=1e-300)))


def _decode(
    decoder: Decoder, problem: Problem, order: Int[Tensor, "s g"], noise: Float[Tensor, "s g 20"], temperature: float
) -> list[Draw]:
    """Draw the residues of one step of all samples together, step by step."""
    samples, g = order.shape
    sampled = decoder.start(problem.sequence, ~problem.free, problem.mask, samples)
    sequence, log_probs = problem.sequence.repeat(samples, 1), torch.full((samples, g), torch.nan)
    for step in range(int(order.max()) + 1):
        s, rows = (order == step).nonzero(as_tuple=True)
        logits = sampled.logits(s, rows)
        groups, group = (s * g + problem.groups[rows]).unique(return_inverse=True)
        weights = problem.weights[rows, None].double()
        weighted = weights * logits + weights.abs() * problem.bias[rows]
        own = noise.view(-1, 20)[groups]
        if problem.profile is None:
            drawn = (temperature * own).index_add(0, group, weighted).argmax(-1)[group]
        else:
            wanted = torch.zeros_like(own).index_add(0, group, weighted)
            drawn = (_mixed(wanted, problem.profile[rows], group, temperature).log() + own).argmax(-1)[group]
        sampled.place(drawn)
        sequence[s, rows] = drawn
        log_probs[s, rows] = logits.log_softmax(-1).gather(1, drawn[:, None])[:, 0]
    return [Draw(*parts) for parts in zip(sequence, log_probs, order, strict=True)]


def _mixed(
    logits: Float[Tensor, "k 20"], profile: Float[Tensor, "r 20"], group: Int[Tensor, "r"], temperature: float
) -> Float[Tensor, "k 20"]:
    """Probabilities of groups with those of a profile mixed in, means over its residues; what is omitted has none."""
    if temperature > 0:
        probabilities = (logits / temperature).softmax(-1)
    else:
        probabilities = torch.nn.functional.one_hot(logits.argmax(-1), 20).double()
    size = group.bincount(minlength=len(logits))[:, None]
    mean = torch.zeros_like(probabilities).index_add(0, group, profile.double()) / size
    mixed = (1 - mean.sum(-1, keepdim=True)) * probabilities + mean
    return torch.where(logits.isneginf(), 0.0, mixed)


def links(problem: Problem) -> list[set[int]]:
    """For the first residue of each designed group, those of the groups with a neighbor in it, either way."""
    linked: list[set[int]] = [set() for _ in range(len(problem.sequence))]
    row, slot = (problem.mask & problem.free[:, None] & problem.free[problem.neighbors]).nonzero(as_tuple=True)
    source, target = problem.groups[problem.neighbors[row, slot]], problem.groups[row]
    for i, j in zip(source.tolist(), target.tolist(), strict=True):
        if i != j:
            linked[i].add(j)
            linked[j].add(i)
    return linked
