"""How residues that are mutated together interact: their joint log-odds less the sum of their single ones.

The joint log-odds of the mutated residues are given the rest of the protein, by the chain rule over them: to each,
those decoded before it are visible (as mutants, or as wild type in the denominator) and none decoded after it; averaged
over their orders. Residues that are no neighbors of each other interact by exactly 0. The joint is antisymmetric, forth
and back on one backbone; the sum of singles alone is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.models.decoding import Sets
from protein_enn.scoring.backbone import Backbone

ORDERS = 8
"""Orders of the mutated residues that are averaged; all of them where there are no more."""
_COPIES = 4096
"""Nodes added to the protein's own in one pass."""


def orders_of(n: int, seed: int = 0) -> list[tuple[int, ...]]:
    """All orders of n residues if these are no more than `ORDERS`, else that many: random ones and their reverses."""
    if n <= 3:
        return list(permutations(range(n)))
    generator = torch.Generator().manual_seed(seed)
    draws = [tuple(torch.randperm(n, generator=generator).tolist()) for _ in range(ORDERS // 2)]
    return [order for draw in draws for order in (draw, draw[::-1])]


@dataclass(frozen=True)
class _Copy:
    """The mutated nodes of one mutant with certain identities, decoded in a certain order."""

    mutant: int
    sign: int  # 1 as mutants, -1 as wild type
    nodes: list[int]
    identities: list[int]
    order: tuple[int, ...]


def interactions(
    backbone: Backbone,
    single: Float[Tensor, "n 20"],
    where: Sequence[Sequence[int]],
    identities: Sequence[Sequence[int]],
    seed: int = 0,
) -> list[float]:
    """Joint log-odds of each mutant less the sum of its `single` log-odds, nats.

    `where` are rows of the structure, `identities` the amino acids they become. Exactly 0 where no two of the residues
    see each other: a difference would leave rounding.
    """
    result = [0.0] * len(where)
    linked = [i for i, rows in enumerate(where) if _see_each_other(backbone, rows)]
    rows, mutants = [where[i] for i in linked], [identities[i] for i in linked]
    joints = joint_log_odds(backbone, rows, mutants, [orders_of(len(each), seed) for each in rows])
    for i, joint in zip(linked, joints, strict=True):
        result[i] = joint - float(single[where[i], identities[i]].double().sum())
    return result


def joint_log_odds(
    backbone: Backbone,
    where: Sequence[Sequence[int]],
    identities: Sequence[Sequence[int]],
    orders: Sequence[Sequence[tuple[int, ...]]],
) -> list[float]:
    """log p(mutant residues | rest) - log p(wild-type residues | rest) of each mutant, mean over its orders, nats.

    For each order, mutant and wild type get copies of the mutated nodes, which see each other as the order says and the
    rest of the protein as it is.
    """
    copies: list[_Copy] = []
    for mutant, (rows, become, several) in enumerate(zip(where, identities, orders, strict=True)):
        nodes = _nodes(backbone, rows)
        own = backbone.sequence[nodes].tolist()
        for order in several:
            copies += [_Copy(mutant, 1, nodes, list(become), order), _Copy(mutant, -1, nodes, own, order)]
    total = [0.0] * len(where)
    for batch in _batches(copies):
        for copy, log_probs in zip(batch, _log_probs(backbone, batch), strict=True):
            value = float(log_probs[range(len(copy.nodes)), copy.identities].sum())
            total[copy.mutant] += copy.sign * value / len(orders[copy.mutant])
    return total


def ways_back(backbone: Backbone, where: Sequence[Sequence[int]], identities: Sequence[Sequence[int]]) -> list[float]:
    """Sum of the `single` log-odds from each mutant back to the wild type, given the mutated sequence, nats.

    For a mutant of several this is not minus the sum on the way there: their difference is what a sum of singles lacks.
    """
    copies: list[_Copy] = []
    for mutant, (rows, become) in enumerate(zip(where, identities, strict=True)):
        nodes = _nodes(backbone, rows)
        for i in range(len(rows)):  # each comes last once, and so sees all others as mutants
            order = (*(j for j in range(len(rows)) if j != i), i)
            copies.append(_Copy(mutant, 1, nodes, list(become), order))
    total = [0.0] * len(where)
    for batch in _batches(copies):
        for copy, log_probs in zip(batch, _log_probs(backbone, batch), strict=True):
            i = copy.order[-1]
            own = int(backbone.sequence[copy.nodes[i]])
            total[copy.mutant] += float(log_probs[i, own] - log_probs[i, copy.identities[i]])
    return total


def _batches(copies: Sequence[_Copy]) -> Iterator[list[_Copy]]:
    """The copies in their order, in batches of about `_COPIES` nodes."""
    batch: list[_Copy] = []
    nodes = 0
    for copy in copies:
        batch.append(copy)
        nodes += len(copy.nodes)
        if nodes >= _COPIES:
            yield batch
            batch, nodes = [], 0
    if batch:
        yield batch


def _log_probs(backbone: Backbone, copies: Sequence[_Copy]) -> list[Float[Tensor, "_ 20"]]:
    """Log-probabilities of the nodes of each copy, all other residues being known."""
    sizes = [len(copy.nodes) for copy in copies]
    sets = Sets(
        torch.arange(len(copies)).repeat_interleave(torch.tensor(sizes)),
        torch.tensor([node for copy in copies for node in copy.nodes]),
        torch.tensor([amino_acid for copy in copies for amino_acid in copy.identities]),
        torch.tensor([copy.order.index(i) for copy in copies for i in range(len(copy.nodes))]),
    )
    return list(backbone.last(sets).double().log_softmax(-1).split(sizes))


def _nodes(backbone: Backbone, rows: Sequence[int]) -> list[int]:
    """Nodes of rows of the structure, which are in order; every residue with a backbone is one."""
    return torch.searchsorted(backbone.rows, torch.tensor(rows)).tolist()


def _see_each_other(backbone: Backbone, rows: Sequence[int]) -> bool:
    """Whether any of the residues is a neighbor of another."""
    nodes = torch.tensor(_nodes(backbone, rows))
    return bool((backbone.mask[nodes][..., None] & (backbone.neighbors[nodes][..., None] == nodes)).any())
