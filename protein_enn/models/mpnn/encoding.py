"""A backbone encoded by ProteinMPNN."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.nn.chunks import current_chunk

DIVISOR = 2
"""Chunks are smaller than those of other models by this factor, because nodes have more neighbors."""
SCALE = 30.0
"""Sums of messages are divided by this, whatever their number."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """An encoded backbone. The first neighbor of a node is the node itself."""

    nodes: Float[Tensor, "n d"]
    edges: Float[Tensor, "n k d"]
    weight: Float[Tensor, "n k"]  # 1 / SCALE, 0 where there is no neighbor
    neighbors: Int[Tensor, "n k"]


def pieces_of(like: Tensor) -> int:
    """Nodes whose edges fit the cache of a processor."""
    return -(-current_chunk(like.device) // DIVISOR)
