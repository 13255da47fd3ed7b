"""The outputs of a trained model for a protein, for the rotated and mirrored protein, and for copies about an axis."""

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
    """Whether the outputs of a task are vectors (Å), or invariant (logits)."""
    return task != "design"


@torch.no_grad()
def outputs(task: str, model: Any, graph: GeometricGraph) -> Float[Tensor, "n m d"]:
    """Displacements (n, 1 or 14, 3), Å, or the logits (n, 1, 20) of residues with no other one visible.

    Parameters
    ----------
    task
        Name of the model's task.
    model
        In any mode.
    graph
        Of a structure.
    """
    if task == "design":
        encoding = model.encode(graph)
        none = torch.zeros_like(encoding.neighbors, dtype=torch.bool)
        return model.logits(encoding, torch.zeros(len(graph.pos), dtype=torch.long), none)[:, None]
    prediction = model(graph)
    return prediction[:, None] if task == "displacement" else prediction.displacement


def moved_outputs(
    task: str, model: Any, graph: GeometricGraph, rotation: Float[Tensor, "3 3"]
) -> tuple[Float[Tensor, "n m d"], Float[Tensor, "n m d"]]:
    """The expected output for the moved protein, g f(x), and the model's, f(g x).

    Parameters
    ----------
    task
        Name of the model's task.
    model
        In any mode.
    graph
        Of a structure.
    rotation
        g, or a reflection.
    """
    rotation = rotation.to(graph.pos)
    original = outputs(task, model, graph)
    moved = outputs(task, model, graph.moved(rotation, rotation.new_zeros(3)))
    return (original @ rotation.T if vectors_of(task) else original), moved


def rotations(count: int, seed: int = 0) -> list[Float[Tensor, "3 3"]]:
    """Random rotations, uniformly drawn."""
    generator = torch.Generator().manual_seed(seed)
    return [random_rotation(generator) for _ in range(count)]


def assembly(
    atom14: Float[Tensor, "n a 3"],
    mask: Bool[Tensor, "n a"],
    chain: Chain,
    k: int,
    side_chains: bool,
) -> tuple[GeometricGraph, Float[Tensor, "3 3"]]:
    """`FOLD` copies of a chain in contact about an axis, which is none of the coordinate axes.

    Parameters
    ----------
    atom14, mask
        Atoms of the chain, Å.
    chain
        With its residues and numbers.
    k
        Neighbors of each node of the graph.
    side_chains
        Whether the graph has them.

    Returns
    -------
    tuple
        The graph of all copies, and the rotation from one copy to the next.
    """
    center = atom14[:, 1].mean(0)
    x = (atom14 - center).double()
    axis = torch.tensor([1.0, 2.0, -1.5], dtype=torch.float64)
    axis = axis / axis.norm()
    side = torch.linalg.cross(axis, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
    side = side / side.norm()
    # The distance from the axis brings copies within the range of the graph.
    shift = side * (float((-(x[:, 1] @ side)).max()) + 1.5)
    rotation = rotation_about(axis, 2 * math.pi / FOLD)
    copies, copy = [], x + shift
    for _ in range(FOLD):
        copies.append(copy)
        copy = copy @ rotation.T
    n = len(atom14)
    positions = torch.cat(copies).to(atom14.dtype)
    masks = mask.repeat(FOLD, 1)
    chains = torch.arange(FOLD).repeat_interleave(n)
    residues = chain.residues.repeat(FOLD)
    graph = graph_of_atoms(positions * masks[..., None], masks, residues, chains, k, side_chains)
    graph.atom14, graph.mask, graph.residues = positions * masks[..., None], masks, residues
    return graph, rotation
