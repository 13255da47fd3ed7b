"""The fields of graphs, and how each changes when the molecule is moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from torch_geometric.data import Data

GraphT = TypeVar("GraphT", bound="GeometricGraph")


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


class GeometricGraph:
    """k neighbors for each node, sorted by target; lengths Å. Neighbor j of node i sends a message to i.

    A graph with `targets` has any number of rows of k neighbors for a node: row i is of the node `targets[i]`.
    Fields are attributes, also reached by `graph[name]`; `name in graph` tells whether one is set, and iteration gives
    names and tensors. Every field of floats is declared in `transforms`, those of a subclass in its own `transforms`.
    `moved` raises for a field that is not declared. `to_data` gives the graph to layers of torch-geometric.
    """

    pos: Float[Tensor, "n 3"]
    scalars: Float[Tensor, "n s"]  # s x 0e
    pseudoscalars: Float[Tensor, "n p"]  # p x 0o: change sign under reflection
    vectors: Float[Tensor, "n v 3"]  # v x 1o, Å from pos, zero where an atom is missing
    neighbors: Int[Tensor, "n k"]
    neighbor_mask: Bool[Tensor, "n k"]
    edge_types: Int[Tensor, "n k"]
    targets: Int[Tensor, "r"]  # the node of each row of neighbors, where it is not node i of row i
    rows: Int[Tensor, "n"]  # the residue or atom of the structure that each node is
    batch: Int[Tensor, "n"]  # the graph of each node, where several were joined

    transforms: ClassVar[dict[str, Transform]] = {
        "pos": Transform.POSITION,
        "scalars": Transform.SCALAR,
        "pseudoscalars": Transform.PSEUDOSCALAR,
        "vectors": Transform.VECTOR,
    }
    node_numbers: ClassVar[frozenset[str]] = frozenset({"neighbors", "targets"})
    """Fields that hold numbers of nodes. They are shifted when graphs are joined to a batch."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Fields of subclasses, and those that a user adds."""

    def __init__(self, **tensors: Tensor) -> None:
        self.__dict__.update(tensors)

    def __getitem__(self, name: str) -> Tensor:
        values: Tensor = self.__dict__[name]
        return values

    def __setitem__(self, name: str, values: Tensor) -> None:
        self.__dict__[name] = values

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self.to_dict().items())

    def __repr__(self) -> str:
        if not {"scalars", "pseudoscalars", "vectors", "neighbors"} <= self.__dict__.keys():
            shapes = ", ".join(f"{name}={[*values.shape]}" for name, values in self.to_dict().items())
            return f"{type(self).__name__}({shapes})"
        graphs = f"{self.num_graphs} graphs, " if "batch" in self else ""
        scalars, pseudoscalars, vectors = self.widths
        widths = f"{scalars} scalars, {pseudoscalars} pseudoscalars, {vectors} vectors"
        return f"{type(self).__name__}({graphs}{len(self.scalars)} nodes with {self.k} neighbors, {widths})"

    def to_dict(self) -> dict[str, Tensor]:
        """The fields by name."""
        return dict(self.__dict__)

    def update(self: GraphT, tensors: Mapping[str, Tensor]) -> GraphT:
        """Sets these fields, and returns the graph."""
        self.__dict__.update(tensors)
        return self

    def clone(self: GraphT) -> GraphT:
        """A copy whose tensors are copies."""
        return type(self)(**{name: values.clone() for name, values in self.to_dict().items()})

    def to(self: GraphT, device: torch.device | str) -> GraphT:
        """The graph on a device; tensors that are there are not copied."""
        return type(self)(**{name: values.to(device) for name, values in self.to_dict().items()})

    def to_data(self) -> Data:
        """The graph for layers of torch-geometric.

        Returns
        -------
        Data
            The fields, and `edge_index` (2, edges) with `edge_type` (edges): from each neighbor that is not masked to
            its node.

        Examples
        --------
        >>> from protein_enn.graph import protein_graph
        >>> from protein_enn.testing import random_structure
        >>> data = protein_graph(random_structure((12,)), k=4, side_chains=False).to_data()
        >>> tuple(data.edge_index.shape)
        (2, 48)
        """
        from torch_geometric.data import Data  # two seconds of import, and no model here needs it

        row, place = self.neighbor_mask.nonzero().unbind(1)
        node = self.targets[row] if "targets" in self else row
        edge_index = torch.stack((self.neighbors[row, place], node))
        return Data(**self.to_dict(), edge_index=edge_index, edge_type=self.edge_types[row, place])

    def moved(self: GraphT, rotation: Float[Tensor, "3 3"], shift: Float[Tensor, "3"]) -> GraphT:
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
            if values.is_floating_point():
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

    @property
    def num_nodes(self) -> int:
        """Nodes, of all graphs that were joined."""
        return len(self.pos)

    @property
    def num_graphs(self) -> int:
        """Graphs that were joined; 1 for one by itself."""
        return int(self.batch[-1]) + 1 if "batch" in self else 1

    @property
    def k(self) -> int:
        """Neighbors of a node."""
        return int(self.neighbors.shape[1])

    @property
    def widths(self) -> tuple[int, int, int]:
        """Even scalars, odd scalars and vectors of a node."""
        return self.scalars.shape[1], self.pseudoscalars.shape[1], self.vectors.shape[1]
