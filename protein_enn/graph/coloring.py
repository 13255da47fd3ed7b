"""Colors for the nodes of a graph of neighbors: those of one color do not see each other and can be decoded at once."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def coloring(linked: list[set[int]], order: Int[Tensor, "g"]) -> Int[Tensor, "g"]:
    """Greedy coloring, nodes visited in `order`: linked ones differ, each takes the first color that is left."""
    color = [-1] * len(linked)
    for i in order.tolist():
        taken = {color[j] for j in linked[i]}
        color[i] = next(c for c in range(len(linked)) if c not in taken)
    return torch.tensor(color)
