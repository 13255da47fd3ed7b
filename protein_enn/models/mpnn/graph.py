"""The input of ProteinMPNN: residues with N, CA, C and O, each with its nearest neighbors."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.neighbors import nearest_neighbors
from protein_enn.graph.features import bonded_to_next
from protein_enn.graph.fields import GeometricGraph, Transform
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms

MAX_OFFSET = 32
OTHER_CHAIN = 2 * MAX_OFFSET + 1
"""Edge type of a neighbor in another chain; the others are offsets i - j in sequence from -32 to 32, plus 32."""
POSITION_TYPES = 2 * MAX_OFFSET + 2


class BackboneGraph(GeometricGraph):
    """A node per residue with N, CA, C and O; its vectors are N, C and O from CA."""

    context_vectors: Float[Tensor, "n c 3"]  # atoms around each residue, Å from pos; only for LigandMPNN
    context_kinds: Int[Tensor, "n c"]  # their atomic numbers, 0 where none

    transforms: ClassVar[dict[str, Transform]] = {
        **GeometricGraph.transforms,
        "context_vectors": Transform.VECTOR,
    }


def backbone_graph(structure: Structure, k: int) -> BackboneGraph:
    """The graph of a structure with `k` - 1 neighbors per node; ValueError if no residue has N, CA, C and O."""
    rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
    check_atoms(structure, ("N", "CA", "C", "O"))
    center = structure.ca[rows].double().mean(0)
    backbone = torch.tensor(chemistry.BACKBONE)
    mask = structure.present[rows[:, None], backbone]
    positions = (structure.positions[rows[:, None], backbone].double() - center).to(structure.positions.dtype)
    graph = graph_of_backbone(positions * mask[..., None], mask, structure.chains[rows], structure.numbers[rows], k)
    graph.rows = rows[graph.rows]
    own = structure.positions[graph.rows[:, None], backbone]  # not relative to the center, which would be rounded
    graph.pos, graph.vectors = own[:, 1], own[:, [0, 2, 3]] - own[:, 1:2]
    return graph


def graph_of_backbone(
    atoms: Float[Tensor, "n 4 3"],
    mask: Bool[Tensor, "n 4"],
    chains: Int[Tensor, "n"],
    numbers: Int[Tensor, "n"],
    k: int,
) -> BackboneGraph:
    """The graph of residues with a CA.

    For the network every node is its own first neighbor, but not in `neighbors`, which has `k` - 1 other nodes.

    Parameters
    ----------
    atoms
        N, CA, C, O, Å.
    mask
        Which of them are present.
    chains, numbers
        The chain and the residue number of each residue.
    k
        Neighbors of a node, itself included.

    Returns
    -------
    BackboneGraph
        A node per residue with all four atoms; its `rows` are these residues.
    """
    index = _sequence_index(numbers, bonded_to_next(atoms, mask, chains))
    rows = mask.all(1).nonzero()[:, 0]
    atoms, chains, index = atoms[rows], chains[rows], index[rows]
    if not len(rows):
        return BackboneGraph(rows=rows)
    neighbors, neighbor_mask = nearest_neighbors(atoms[:, 1], k - 1)
    offset = (index[:, None] - index[neighbors]).clamp_(-MAX_OFFSET, MAX_OFFSET) + MAX_OFFSET
    return BackboneGraph(
        pos=atoms[:, 1],
        scalars=atoms.new_zeros(len(rows), 0),
        pseudoscalars=atoms.new_zeros(len(rows), 0),
        vectors=atoms[:, [0, 2, 3]] - atoms[:, 1:2],
        neighbors=neighbors,
        neighbor_mask=neighbor_mask,
        edge_types=torch.where(chains[neighbors] == chains[:, None], offset, OTHER_CHAIN),
        rows=rows,
    )


def _sequence_index(numbers: Int[Tensor, "n"], bonded: Bool[Tensor, "n"]) -> Int[Tensor, "n"]:
    """Positions along the chain: 1 per bonded residue, whatever their numbers; a gap counts as in the numbers."""
    step = torch.where(bonded[:-1], 1, (numbers[1:] - numbers[:-1]).clamp(1, MAX_OFFSET + 1))
    return torch.cat([step.new_zeros(1), step.cumsum(0)])
