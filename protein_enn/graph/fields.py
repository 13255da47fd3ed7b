"""The fields of graphs, and how each changes when the molecule is moved."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch_geometric.data import Data


@dataclass(frozen=True)
class Widths:
    """How many features of each kind a graph has, for the encoder that takes it."""

    scalars: int
    pseudoscalars: int
    vectors: int
    edge_types: int
    frame: int = 3  # the first vectors; edges use the distances between these points and the nodes


class Transform(Enum):
    """How a field of floats changes under x -> R x + t. The last axis of positions and vectors is x, y, z."""

    POSITION = "R x + t"
    VECTOR = "R v"
    PSEUDOSCALAR = "det(R) s"
    SCALAR = "s"

    def of(self, values: Tensor, rotation: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]) -> Tensor:
        """The values after the motion."""
        match self:
            case Transform.POSITION:
                return values @ rotation.T + shift
            case Transform.VECTOR:
                return values @ rotation.T
            case Transform.PSEUDOSCALAR:
                return values * rotation.det().sign()
            case Transform.SCALAR:
                return values


class GeometricGraph(Data):
    """k neighbors for each node, sorted by target; lengths Å. Neighbor j of node i sends a message to i.

    Every field of floats is declared in `transforms`, those of a subclass in its own `transforms`. `moved` raises for a
    field that is not declared.
    """

    pos: Float[Tensor, "n 3"]
    scalars: Float[Tensor, "n s"]  # s x 0e
    pseudoscalars: Float[Tensor, "n p"]  # p x 0o: change sign under reflection
    vectors: Float[Tensor, "n v 3"]  # v x 1o, Å from pos, zero where an atom is missing
    neighbors: Int[Tensor, "n k"]
    neighbor_mask: Bool[Tensor, "n k"]
    edge_types: Int[Tensor, "n k"]
    rows: Int[Tensor, "n"]  # the residue or atom of the structure that each node is

    transforms: ClassVar[dict[str, Transform]] = {
        "pos": Transform.POSITION,
        "scalars": Transform.SCALAR,
        "pseudoscalars": Transform.PSEUDOSCALAR,
        "vectors": Transform.VECTOR,
    }
    node_numbers: ClassVar[frozenset[str]] = frozenset({"neighbors"})
    """Fields that hold numbers of nodes. They are shifted when graphs are joined to a batch."""

    def __repr__(self) -> str:
        if not {"scalars", "pseudoscalars", "vectors", "neighbors"} <= {*self.keys()}:
            return super().__repr__()
        graphs = f"{self.num_graphs} graphs, " if hasattr(self, "num_graphs") else ""
        scalars, pseudoscalars, vectors = self.widths
        widths = f"{scalars} scalars, {pseudoscalars} pseudoscalars, {vectors} vectors"
        return f"{type(self).__name__}({graphs}{len(self.neighbors)} nodes with {self.k} neighbors, {widths})"

    def moved(self, rotation: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]) -> GeometricGraph:
        """The graph of the moved molecule.

        Parameters
        ----------
        rotation
            Orthogonal. A reflection (determinant -1) changes the sign of pseudoscalars.
        shift
            Å.

        Returns
        -------
        GeometricGraph
            A copy, with every field of floats moved.

        Raises
        ------
        TypeError
            A field of floats is not declared in `transforms`.
        """
        graph = self.clone()
        for name, values in self.to_dict().items():
            if isinstance(values, Tensor) and values.is_floating_point():
                graph[name] = self.transform_of(name).of(values, rotation, shift)
        return graph

    def transform_of(self, name: str) -> Transform:
        """How a field of floats changes; TypeError where it is not declared."""
        if name not in self.transforms:
            raise TypeError(
                f"{type(self).__name__} has a field {name!r} that is not declared: "
                "state in its `transforms` how the field changes when the molecule is moved"
            )
        return self.transforms[name]

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.num_nodes if key in self.node_numbers else super().__inc__(key, value, *args, **kwargs)

    @property
    def k(self) -> int:
        """Neighbors of a node."""
        return int(self.neighbors.shape[1])

    @property
    def widths(self) -> tuple[int, int, int]:
        """Even scalars, odd scalars and vectors of a node."""
        return self.scalars.shape[1], self.pseudoscalars.shape[1], self.vectors.shape[1]
