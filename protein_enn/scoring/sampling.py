"""New sequences for a backbone, sampled autoregressively, exactly, and in few passes.

The residues are coloured so that no two of one colour see each other; the colours are decoded one after the other.
Within a colour no residue depends on another, so decoding them together gives the same probabilities as one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.predictor import Predictor
from protein_enn.scoring.likelihood import Backbone, design_predictor, scorable
from protein_enn.structure import Structure


@dataclass(frozen=True, eq=False)
class Design:
    """One sampled sequence."""

    residues: Int[Tensor, "n"]  # index into chemistry.RESIDUES; as in the input where nothing was designed
    designed: int  # how many residues were sampled
    log_likelihood: float  # mean natural-log probability (at temperature 1) of the sampled residues, nats
    recovery: float  # share of the sampled residues that came out as in the input

    @property
    def sequence(self) -> str:
        """One-letter sequence of all residues in file order."""
        return "".join(chemistry.LETTERS[i] for i in self.residues.tolist())


def design(
    structure: Structure,
    *,
    predictor: Predictor | None = None,
    temperature: float = 0.1,
    seed: int = 0,
    samples: int = 1,
    fixed: Collection[str] = (),
    device: str = "auto",
) -> list[Design]:
    """Sample sequences for the backbone; residues in `fixed` ("A:52B") and those without backbone keep theirs.

    `temperature` divides the logits: 0 takes the most probable amino acid at each step. Draws come from `seed` on the
    CPU. ValueError: a fixed residue that does not exist, a negative temperature, samples < 1, nothing left to design.
    """
    if temperature < 0 or samples < 1:
        raise ValueError(f"temperature {temperature} must not be negative and samples {samples} must be at least 1")
    predictor = design_predictor(predictor, device)
    scorable(structure)
    free = structure.has_backbone & ~_rows_of(structure, fixed)
    if not free.any():
        raise ValueError(f"{structure.name}: every residue is fixed or lacks N, CA or C; free some of them")
    backbone = Backbone(structure, predictor)
    generator = torch.Generator().manual_seed(seed)
    return [_sample(structure, backbone, free[backbone.rows], temperature, generator) for _ in range(samples)]


def _sample(
    structure: Structure, backbone: Backbone, free: Tensor, temperature: float, generator: torch.Generator
) -> Design:
    """Decode colour by colour; known residues that are kept are seen by all from the start."""
    color = coloring(backbone.neighbors, backbone.mask, torch.randperm(len(free), generator=generator))
    colors = int(color.max()) + 1
    rank = torch.randperm(colors, generator=generator)[color]
    rank = torch.where(free, rank, -1)
    sequence = torch.where(free, chemistry.UNKNOWN, backbone.sequence)
    shows = free | (sequence != chemistry.UNKNOWN)
    visible = backbone.mask & shows[backbone.neighbors] & (rank[backbone.neighbors] < rank[:, None])
    total = 0.0
    for step in range(colors):
        now = rank == step
        if not now.any():
            continue
        logits = backbone.logits(sequence, visible)[now]
        if temperature == 0:
            drawn = logits.argmax(-1)
        else:
            drawn = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
        sequence[now] = drawn
        total += float(logits.log_softmax(-1).gather(1, drawn[:, None]).double().sum())
    residues = structure.residues.clone()
    residues[backbone.rows] = sequence
    same = (sequence == backbone.sequence)[free]
    return Design(residues, int(free.sum()), total / int(free.sum()), float(same.double().mean()))


def coloring(neighbors: Int[Tensor, "g k"], mask: Tensor, order: Int[Tensor, "g"]) -> Int[Tensor, "g"]:
    """Greedy colouring of the graph (either direction of an edge counts), visiting nodes in `order`."""
    linked: list[set[int]] = [set() for _ in range(len(order))]
    source, slot = mask.nonzero(as_tuple=True)
    for i, j in zip(source.tolist(), neighbors[source, slot].tolist(), strict=True):
        linked[i].add(j)
        linked[j].add(i)
    color = [-1] * len(order)
    for i in order.tolist():
        taken = {color[j] for j in linked[i]}
        color[i] = next(c for c in range(len(order)) if c not in taken)
    return torch.tensor(color)


def _rows_of(structure: Structure, ids: Collection[str]) -> Tensor:
    """Mask of the named residues; ValueError names those that do not exist."""
    have = [structure.residue_id(i) for i in range(len(structure))]
    missing = sorted(set(ids) - set(have))
    if missing:
        raise ValueError(f"{structure.name}: no residue {', '.join(missing)}; ids are chain:number, such as {have[0]}")
    return torch.tensor([i in set(ids) for i in have])
