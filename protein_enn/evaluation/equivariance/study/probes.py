"""What a trained model gives for a protein, for the protein turned, mirrored, and repeated about an axis."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.data.chain import Chain
from protein_enn.geometry.rotations import random_rotation, rotation_about
from protein_enn.graph.fields import GeometricGraph
from protein_enn.graph.protein_graph import graph_of_atoms

FOLD = 3
"""Copies about the axis of a symmetric assembly."""


def vectors_of(task: str) -> bool:
    """Whether the outputs of a task turn as vectors (Å), or not at all (logits)."""
    return task != "design"


@torch.no_grad()
def outputs(task: str, model: Any, graph: GeometricGraph) -> Float[Tensor, "n m d"]:
    """Displacements (n, 1 or 14, 3), Å, or the logits (n, 1, 20) of residues of which no other is known."""
    if task == "design":
        encoding = model.encode(graph)
        nothing = torch.zeros_like(encoding.neighbors, dtype=torch.bool)
        return model.logits(encoding, torch.zeros(len(graph.pos), dtype=torch.long), nothing)[:, None]
    found = model(graph)
    return found[:, None] if task == "displacement" else found.displacement


def moved_outputs(
    task: str, model: Any, graph: GeometricGraph, turn: Float[Tensor, "3 3"]
) -> tuple[Float[Tensor, "n m d"], Float[Tensor, "n m d"]]:
    """What the law of symmetry says of the moved protein, g f(x), and what the model says, f(g x)."""
    turn = turn.to(graph.pos)
    here = outputs(task, model, graph)
    there = outputs(task, model, graph.moved(turn, turn.new_zeros(3)))
    return (here @ turn.T if vectors_of(task) else here), there


def turns(count: int, seed: int = 0) -> list[Float[Tensor, "3 3"]]:
    """Rotations, evenly drawn."""
    generator = torch.Generator().manual_seed(seed)
    return [random_rotation(generator) for _ in range(count)]


def assembly(
    compact: Float[Tensor, "n a 3"],
    mask: Bool[Tensor, "n a"],
    chain: Chain,
    k: int,
    side_chains: bool,
) -> tuple[GeometricGraph, Float[Tensor, "3 3"]]:
    """`FOLD` copies of a chain that touch each other about an axis that is none of the coordinate axes, and the
    rotation from one copy to the next."""
    center = compact[:, 1].mean(0)
    x = (compact - center).double()
    axis = torch.tensor([1.0, 2.0, -1.5], dtype=torch.float64)
    axis = axis / axis.norm()
    side = torch.linalg.cross(axis, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    side = side / side.norm()
    # As far from the axis as the chain reaches towards it, less some Å, so that neighbours see each other.
    away = side * (float((-(x[:, 1] @ side)).max()) + 1.5)
    turn = rotation_about(axis, 2 * math.pi / FOLD)
    copies, placed = [], x + away
    for _ in range(FOLD):
        copies.append(placed)
        placed = placed @ turn.T
    n = len(compact)
    positions = torch.cat(copies).to(compact.dtype)
    masks = mask.repeat(FOLD, 1)
    chains = torch.arange(FOLD).repeat_interleave(n)
    residues = chain.residues.repeat(FOLD)
    graph = graph_of_atoms(
        positions * masks[..., None], masks, residues, chains, chain.numbers.repeat(FOLD), k, side_chains
    )
    graph.compact, graph.mask, graph.residues = positions * masks[..., None], masks, residues
    return graph, turn
