"""The moves: what is done to a graph or a structure, the expected outputs, and the outputs.

On graphs equivariance is exact, and inputs are rounded once, after the move. On structures the graph is built anew from
moved coordinates, as for a file in another frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.evaluation.equivariance.files import shuffled_file
from protein_enn.evaluation.equivariance.outputs import Outputs
from protein_enn.evaluation.equivariance.structures import GRID, in_dtype, reorder_chains
from protein_enn.evaluation.equivariance.subject import Subject
from protein_enn.geometry.rotations import random_rotation
from protein_enn.graph import batch
from protein_enn.graph.fields import GeometricGraph
from protein_enn.nn.chunks import chunk_size
from protein_enn.structure import Structure

FAR = (1000.0, -1000.0, 1000.0)
"""Å, the translation."""
CHUNKS = (1, 7, 64)
"""Nodes in a chunk, to be compared with all nodes at once."""
ROTATIONS = 3
STILL = torch.zeros(3, dtype=torch.float64)
SAME = torch.eye(3, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Case:
    """One move: the expected outputs and the outputs."""

    move: str
    expected: Outputs
    found: Outputs
    note: str = ""


def graph_of(subject: Subject, structure: Structure, inputs: dict[str, Tensor]) -> GeometricGraph:
    """The graph of a structure in the structure's precision, with further inputs of each residue."""
    graph = subject.graph(structure)
    for name, values in inputs.items():
        graph[name] = values[graph.rows]
    return graph


def graph_cases(subject: Subject, structure: Structure, seed: int) -> Iterator[Case]:
    """All moves of the graph of a structure, which is in float64 and on the grid."""
    graph = graph_of(subject, structure, subject.residue_inputs(structure, seed))
    # Sums about the center moved the nodes off the grid by rounding.
    graph.pos = (graph.pos / GRID).round() * GRID
    original = subject.outputs(graph)
    mirrored = subject.outputs(graph, mirrored=True)
    for i in range(ROTATIONS):
        rotation = random_rotation(seed + 10 + i)
        yield Case("rotation", _moved(original, rotation), subject.outputs(graph.moved(rotation, STILL)))
        yield Case("reflection", _moved(mirrored, -rotation), subject.outputs(graph.moved(-rotation, STILL)))
    yield Case("translation", original, subject.outputs(graph.moved(SAME, torch.tensor(FAR).double())))
    order = torch.randperm(len(graph.pos), generator=torch.Generator().manual_seed(seed))
    yield Case("order of nodes", _at(original, order), subject.outputs(permute_nodes(graph, order)))
    yield from _batches(subject, graph, original, structure, seed)
    with chunk_size(max(len(graph.pos), 1)):
        whole = subject.outputs(graph)
    for size in CHUNKS:
        with chunk_size(size):
            yield Case("chunks", whole, subject.outputs(graph))
    yield Case("gradients", original, subject.outputs(graph, gradients=True))


def structure_cases(subject: Subject, structure: Structure, seed: int) -> Iterator[Case]:
    """All moves of a structure, which is in float64 and on the grid; the graph is built anew after each."""
    inputs = subject.residue_inputs(structure, seed)
    rotation = random_rotation(seed + 20)
    far = torch.tensor(FAR).double()
    rounded = in_dtype(structure, subject.dtype)
    original = _predictions(subject, rounded, inputs)
    neighbors = _neighbor_sets(subject.graph(rounded))
    moves = [("rotation", rotation, STILL), ("reflection", -rotation, STILL), ("translation", SAME, far)]
    for move, matrix, shift in moves:
        before = original
        if move == "reflection":
            if not subject.has_mirror(structure):
                continue
            before = {**original, **subject.outputs(graph_of(subject, rounded, inputs), mirrored=True)}
        other = in_dtype(structure.moved(matrix, shift), subject.dtype)
        changed = int((_neighbor_sets(subject.graph(other)) != neighbors).any(1).sum())
        note = f"{changed} of {len(neighbors)} nodes have another k-th neighbor" if changed else ""
        yield Case(move, _moved(before, matrix), _predictions(subject, other, inputs), note)
    if len(structure.chain_ids) > 1:
        order = torch.cat([(structure.chains == c).nonzero()[:, 0] for c in structure.chains.unique().flip(0).tolist()])
        swapped = _predictions(
            subject, reorder_chains(rounded, order), {k: v[order] for k, v in inputs.items()}, order=order
        )
        yield Case("order of chains", original, swapped)
    files = shuffled_file(rounded, seed)
    if files is not None:
        one, two = (_predictions(subject, in_dtype(s, subject.dtype), subject.residue_inputs(s, seed)) for s in files)
        yield Case("order of atoms", one, two)


LEVELS = {"graph": graph_cases, "structure": structure_cases}
"""What is moved, and all moves of it."""


def permute_nodes(graph: GeometricGraph, order: Int[Tensor, "n"]) -> GeometricGraph:
    """The same graph, its nodes in another order."""
    inverse, result = order.argsort(), graph.clone()
    for key, value in graph.to_dict().items():
        if isinstance(value, Tensor) and value.ndim and len(value) == len(order):
            result[key] = value[order]
    result.neighbors = inverse[graph.neighbors[order]]
    return result


def _batches(
    subject: Subject, graph: GeometricGraph, original: Outputs, structure: Structure, seed: int
) -> Iterator[Case]:
    """The graph first, between and after graphs of other sizes, and twice."""
    parts = [structure.take(torch.arange(min(size, len(structure)))) for size in (9, 1)]
    parts = [part for part in parts if part.present[:, chemistry.CA].any()]
    others = [graph_of(subject, part, subject.residue_inputs(part, seed)) for part in parts]
    for before, after in (([], others), (others[:1], others[1:]), (others, []), (others[:1], [graph])):
        start = sum(len(g.pos) for g in before)
        together = subject.outputs(batch([*before, graph, *after]))
        yield Case("batch", original, _at(together, torch.arange(start, start + len(graph.pos))))


def _predictions(
    subject: Subject,
    structure: Structure,
    inputs: dict[str, Tensor],
    order: Int[Tensor, "n"] | None = None,
) -> Outputs:
    """Outputs for the graph of a structure and of the calls on it, in the order of residues before `order`."""
    graph = graph_of(subject, structure, inputs)
    outputs = subject.outputs(graph)
    calls = subject.calls(structure)
    if order is None:
        return {**outputs, **calls}
    return {**_at(outputs, _original_order(graph.rows, order)), **_at(calls, order.argsort())}


def _original_order(rows: Int[Tensor, "g"], order: Int[Tensor, "n"]) -> Int[Tensor, "g"]:
    """The nodes sorted by their rows before residues came into another order.

    `rows` are residues, or 37 residue + slot with all that is not protein after them.
    """
    slots = len(chemistry.ATOMS)
    if int(rows.max()) < len(order):
        return order[rows].argsort()
    protein = rows < len(order) * slots
    return torch.where(protein, order[(rows // slots).clamp(max=len(order) - 1)] * slots + rows % slots, rows).argsort()


def _neighbor_sets(graph: GeometricGraph) -> Int[Tensor, "n k"]:
    """The neighbors of each node as a set."""
    return torch.where(graph.neighbor_mask, graph.neighbors, -1).sort(1).values


def _moved(outputs: Outputs, rotation: Float[Tensor, "3 3"]) -> Outputs:
    """The outputs whose behavior under this move is known, moved."""
    reflection = bool(rotation.det() < 0)
    return {name: one.moved(rotation) for name, one in outputs.items() if one.reflects or not reflection}


def _at(outputs: Outputs, index: Int[Tensor, "m"]) -> Outputs:
    return {name: one.at(index) for name, one in outputs.items()}
