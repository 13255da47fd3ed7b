"""The fields that every graph has, and the one law of how they turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data


@dataclass(frozen=True)
class Widths:
    """How many of each kind of feature a graph brings to an encoder."""

    scalars: int
    pseudoscalars: int
    vectors: int
    edge_types: int
    frame: int = 3  # the first vectors, which with the node itself are the points whose distances an edge knows


class GeometricGraph(Data):
    """k neighbours for each node, sorted by target; lengths Å. Neighbour j of node i sends a message to i."""

    pos: Float[Tensor, "n 3"]  # alone in following a translation
    scalars: Float[Tensor, "n s"]  # s x 0e
    pseudoscalars: Float[Tensor, "n p"]  # p x 0o: change sign in the mirror
    vectors: Float[Tensor, "n v 3"]  # v x 1o, Å from pos, zero where an atom is missing
    neighbors: Int[Tensor, "n k"]
    neighbor_mask: Bool[Tensor, "n k"]
    edge_types: Int[Tensor, "n k"]
    rows: Int[Tensor, "n"]  # what each node is in the structure it came from

    def moved(self, turn: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]) -> GeometricGraph:
        """The same molecule elsewhere: the one place that says how each field turns.

        `turn` is orthogonal; a reflection (determinant -1) changes the sign of pseudoscalars.
        """
        graph = self.clone()
        graph.pos = self.pos @ turn.T + shift
        graph.vectors = self.vectors @ turn.T
        if "context_vectors" in self:
            graph.context_vectors = self.context_vectors @ turn.T
        if "compact" in self:  # all atoms of the residues, where a task carries them
            graph.compact = self.compact @ turn.T + shift
        graph.pseudoscalars = self.pseudoscalars * turn.det().sign()
        return graph

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.num_nodes if key == "neighbors" else super().__inc__(key, value, *args, **kwargs)

    @property
    def k(self) -> int:
        return int(self.neighbors.shape[1])

    @property
    def widths(self) -> tuple[int, int, int]:
        return self.scalars.shape[1], self.pseudoscalars.shape[1], self.vectors.shape[1]
