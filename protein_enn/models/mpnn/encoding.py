"""A backbone that ProteinMPNN has encoded."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from protein_enn.nn.chunks import current_chunk

SHARE = 2
"""A chunk holds this part of the nodes of other models' chunks: it has more neighbors for each."""


SCALE = 30.0
"""Messages are summed over this, whatever their number."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """A backbone, encoded once. Slot 0 of the neighbors is the node itself."""

    nodes: Float[Tensor, "n d"]
    edges: Float[Tensor, "n k d"]
    weight: Float[Tensor, "n k"]  # 1 / SCALE, 0 where there is no neighbor
    neighbors: Int[Tensor, "n k"]


def pieces_of(like: Tensor) -> int:
    """Nodes whose edges fit a processor's cache."""
    return -(-current_chunk(like.device) // SHARE)
