"""In which order residues are packed."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def rounds(
    rows: Int[Tensor, "m"],
    neighbors: Int[Tensor, "n k"],
    mask: Bool[Tensor, "n k"],
    priority: Float[Tensor, "n"],
) -> list[Int[Tensor, "_"]]:
    """The residues of `rows` in rounds, so that packing round by round equals packing one by one by falling priority.

    A residue comes one round after the last of its neighbors (in either direction) that come before it.

    Parameters
    ----------
    rows
        Residues to pack.
    neighbors, mask
        The neighbors of each residue, and which of them exist.
    priority
        The larger ones come first; of equal ones that with the smaller index.

    Examples
    --------
    >>> chain = torch.tensor([[1, 1], [0, 2], [1, 1]])
    >>> exists = torch.tensor([[True, False], [True, True], [True, False]])
    >>> [r.tolist() for r in rounds(torch.arange(3), chain, exists, torch.tensor([2.0, 1.0, 3.0]))]
    [[0, 2], [1]]
    """
    chosen = set(rows.tolist())
    linked: dict[int, set[int]] = {i: set() for i in chosen}
    for i, (near, exists) in enumerate(zip(neighbors.tolist(), mask.tolist(), strict=True)):
        for j, real in zip(near, exists, strict=True):
            if real and i in chosen and j in chosen:
                linked[i].add(j)
                linked[j].add(i)
    level: dict[int, int] = {}
    for i in sorted(chosen, key=lambda i: (-float(priority[i]), i)):
        level[i] = 1 + max((level[j] for j in linked[i] if j in level), default=-1)
    grouped: list[list[int]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for i in rows.tolist():
        grouped[level[i]].append(i)
    return [torch.tensor(group) for group in grouped]


def groups(rows: Int[Tensor, "m"], priority: Float[Tensor, "n"], count: int) -> list[Int[Tensor, "_"]]:
    """The residues of `rows` in at most `count` groups of about one size, by falling priority.

    Residues of one group do not see each other when they are placed first; the rounds would be many more.
    """
    order = rows[priority[rows].argsort(descending=True, stable=True)]
    return [group for group in order.chunk(count) if len(group)]
