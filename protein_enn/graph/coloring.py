"""Colors for the nodes of a graph: nodes of one color are not neighbors, so that they can be decoded at once."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def coloring(linked: list[set[int]], order: Int[Tensor, "g"]) -> Int[Tensor, "g"]:
    """Greedy coloring: nodes are visited in `order`, and each gets the first color that none of its neighbors has.

    Parameters
    ----------
    linked
        The neighbors of each node.
    order
        A permutation of the nodes.

    Returns
    -------
    Int[Tensor, "g"]
        Colors, from 0.

    Examples
    --------
    >>> coloring([{1}, {0, 2}, {1}], torch.tensor([0, 1, 2])).tolist()
    [0, 1, 0]
    """
    color = [-1] * len(linked)
    for i in order.tolist():
        taken = {color[j] for j in linked[i]}
        color[i] = next(c for c in range(len(linked)) if c not in taken)
    return torch.tensor(color)
