"""The residue graph: a node at each CA, edges to the k nearest."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from protein_enn import chemistry
from protein_enn.geometry.atom14 import to_atom14
from protein_enn.geometry.frames import ideal_cb
from protein_enn.geometry.neighbors import nearest_neighbors
from protein_enn.graph.all_atoms import all_atom_features
from protein_enn.graph.context import Context, context_features, context_of
from protein_enn.graph.features import (
    EDGE_TYPES,
    Backbone,
    backbone_features,
    bonded_to_next,
    pair_types,
    rings,
    sequence_index,
)
from protein_enn.graph.fields import GeometricGraph, GraphT, Transform, Widths
from protein_enn.structure import Structure
from protein_enn.structure.given import check_atoms

BACKBONE_WIDTHS = Widths(scalars=8, pseudoscalars=3, vectors=6, edge_types=EDGE_TYPES, frame=4)


class ProteinGraph(GeometricGraph):
    """A node per residue that has a CA. Without side chains it contains nothing of the sequence."""

    context_vectors: Float[Tensor, "n c 3"]  # atoms that are not nodes (`graph.context`), Å from pos, zero where none
    context_kinds: Int[Tensor, "n c"]  # class of their elements, 0 where none
    bonded: Bool[Tensor, "n"]  # whether C is bonded to N of the next residue

    # Only for models that take them: features of a language model (l x 0e, 0 where it gives none), and the index of the
    # condition.
    language: Float[Tensor, "n l"]
    condition: Int[Tensor, "n"]

    # Only for confidence: what tells good parts of a model from bad ones (`models.confidence.DESCRIPTORS`).
    descriptors: Float[Tensor, "n d"]

    # Only for packing, with `residues`: 1 for L-amino acids, -1 for D-amino acids.
    handedness: Float[Tensor, "n"]

    # Only in refinement, which rebuilds the graph after each step: all atoms, which of them are present, their
    # residues, peptide bonds that close a ring (pairs of nodes), and all atoms of ligands, ions and nucleic acids.
    atom14: Float[Tensor, "n 14 3"]
    mask: Bool[Tensor, "n 14"]
    residues: Int[Tensor, "n"]
    chains: Int[Tensor, "n"]
    closures: Int[Tensor, "c 2"]
    context_atoms: Float[Tensor, "m 3"]
    context_atom_kinds: Int[Tensor, "m"]

    transforms: ClassVar[dict[str, Transform]] = {
        **GeometricGraph.transforms,
        "context_vectors": Transform.VECTOR,
        "language": Transform.SCALAR,
        "descriptors": Transform.SCALAR,
        "handedness": Transform.PSEUDOSCALAR,
        "atom14": Transform.POSITION,
        "context_atoms": Transform.POSITION,
    }
    node_numbers: ClassVar[frozenset[str]] = GeometricGraph.node_numbers | {"closures"}


def protein_graph(structure: Structure, k: int, side_chains: bool) -> ProteinGraph:
    """The residue graph of a structure.

    Parameters
    ----------
    structure
        Any structure.
    k
        Neighbors of each residue: the nearest by CA.
    side_chains
        With side chains the features include residue types (scalars) and side-chain atoms (vectors from CA). Without
        them they include the atoms of ligands, ions and nucleic acids around each residue.

    Returns
    -------
    ProteinGraph
        A node per residue that has a CA; its `rows` are these residues.

    Raises
    ------
    ValueError
        No residue has a CA, or a coordinate is not finite.

    Examples
    --------
    >>> from protein_enn.testing import random_structure
    >>> graph = protein_graph(random_structure((12,)), k=4, side_chains=False)
    >>> tuple(graph.neighbors.shape), tuple(graph.vectors.shape)
    ((12, 4), (12, 6, 3))
    """
    rows = structure.present[:, chemistry.CA].nonzero()[:, 0]
    check_atoms(structure, ("CA",))
    # Atoms are taken relative to the center first: far from the origin float32 is not accurate enough.
    center = structure.ca[rows].double().mean(0)
    context = None
    residues, chains = structure.residues[rows], structure.chains[rows]
    if side_chains:
        positions = (structure.positions[rows].double() - center).to(structure.positions.dtype)
        atom14, mask = to_atom14(positions, structure.present[rows], residues)
    else:
        backbone = torch.tensor(chemistry.BACKBONE)
        mask = structure.present[rows[:, None], backbone]
        positions = structure.positions[rows[:, None], backbone].double() - center
        atom14 = positions.to(structure.positions.dtype) * mask[..., None]
        if len(structure.hetero):
            context_positions, kinds = context_of(structure)
            context = context_positions.double() - center, kinds
    closures = closures_of(structure, rows) if len(structure.links) else None
    graph = graph_of_atoms(atom14, mask, residues, chains, k, side_chains, closures, context)
    graph.pos = structure.ca[rows]  # not atom14 + center, which would be rounded
    graph.rows = rows
    return graph


def closures_of(structure: Structure, rows: Int[Tensor, "n"]) -> Int[Tensor, "c 2"]:
    """Nodes whose C and N form a peptide bond out of sequence order."""
    node = torch.full((len(structure) + 1,), -1)  # the last one is for atoms that are not protein
    node[rows] = torch.arange(len(rows))
    ends = node[structure.links.of_kind("peptide").residues]
    return ends[(ends >= 0).all(1)]


def graph_of_atoms(
    atom14: Float[Tensor, "n a 3"],
    mask: Bool[Tensor, "n a"],
    residues: Int[Tensor, "n"],
    chains: Int[Tensor, "n"],
    k: int,
    side_chains: bool,
    closures: Int[Tensor, "c 2"] | None = None,
    context: Context | None = None,
) -> ProteinGraph:
    """The residue graph of atoms in atom14, every residue a node.

    Parameters
    ----------
    atom14
        Atoms, Å. Without side chains the first four are enough.
    mask
        Which atoms are present.
    residues
        Index into `chemistry.RESIDUES`.
    chains
        The chain of each residue.
    k
        Neighbors of each residue.
    side_chains
        Whether features include residue types and side-chain atoms.
    closures
        Peptide bonds beyond those of successive residues, from the C of one residue to the N of another. Where they
        join the ends of a chain it is a ring.
    context
        Atoms that are not nodes: positions in the same frame, and kinds (`graph.context`).

    Returns
    -------
    ProteinGraph
        The graph.
    """
    bonded = bonded_to_next(atom14, mask, chains)
    closures = None if closures is None or not len(closures) else rings(closures, chains, bonded)
    neighbors, neighbor_mask = nearest_neighbors(atom14[:, 1], k)
    scalars, vectors, backbone = node_features(atom14, mask, residues, bonded, side_chains, closures)
    context_vectors, context_kinds = context_features(atom14, mask, context)
    index = sequence_index(atom14[:, 1], bonded)
    return ProteinGraph(
        pos=atom14[:, 1],
        scalars=scalars,
        pseudoscalars=backbone.pseudoscalars,
        vectors=vectors,
        neighbors=neighbors,
        neighbor_mask=neighbor_mask,
        edge_types=pair_types(index, chains, neighbors, closures),
        rows=torch.arange(len(atom14), device=atom14.device),
        bonded=bonded,
        context_vectors=context_vectors,
        context_kinds=context_kinds,
    )


def node_features(
    atom14: Float[Tensor, "n a 3"],
    mask: Bool[Tensor, "n a"],
    residues: Int[Tensor, "n"],
    bonded: Bool[Tensor, "n"],
    side_chains: bool,
    closures: Int[Tensor, "r 2"] | None = None,
) -> tuple[Float[Tensor, "n s"], Float[Tensor, "n v 3"], Backbone]:
    """Scalars and vectors of `BACKBONE_WIDTHS` (the fourth vector is an ideal CB) or of `all_atoms.ALL_ATOM_WIDTHS`.

    Parameters
    ----------
    atom14, mask, residues
        Atoms in atom14 (Å), which of them are present, and the types of the residues.
    bonded
        Whether residues i and i + 1 are bonded.
    side_chains
        Whether all atoms are used.
    closures
        The last and the first residue of each ring.

    Returns
    -------
    scalars, vectors, backbone
        Even scalars, vectors (Å), and all features of the backbone.
    """
    backbone = backbone_features(atom14, mask, bonded, closures)
    if not side_chains:
        n, c, o, *bonds = backbone.vectors.unbind(1)
        cb = ideal_cb(n, c) * (mask[:, 0] & mask[:, 2])[:, None]
        return backbone.scalars, torch.stack([n, c, o, cb, *bonds], 1), backbone
    return *all_atom_features(atom14, mask, residues, backbone), backbone


def batch(graphs: Sequence[GraphT]) -> GraphT:
    """Several graphs as one, without padding of nodes; neighbors are of the same graph.

    Parameters
    ----------
    graphs
        One or more graphs of one kind, each with the same fields and the same k.

    Returns
    -------
    GeometricGraph
        The nodes of all graphs in order; its `batch` is the graph of each node.

    Raises
    ------
    ValueError
        The graphs have different fields.

    Examples
    --------
    >>> from protein_enn.testing import random_structure
    >>> graphs = [protein_graph(random_structure((n,)), k=4, side_chains=False) for n in (12, 8)]
    >>> batch(graphs).num_nodes
    20
    """
    if len(graphs) == 1:
        return graphs[0]
    names = graphs[0].to_dict().keys()
    if differing := {name for graph in graphs for name in graph.to_dict().keys() ^ names}:
        raise ValueError(f"graphs cannot be joined: only some of them have {', '.join(sorted(differing))}")
    slots = {graph.context_kinds.shape[1] for graph in graphs if isinstance(graph, ProteinGraph)}
    if len(slots) > 1:
        graphs = [_with_slots(graph, max(slots)) for graph in graphs]
    sizes = torch.tensor([graph.num_nodes for graph in graphs], device=graphs[0].pos.device)
    starts = (sizes.cumsum(0) - sizes).tolist()
    joined = {}
    for name in names:
        shifts = starts if name in graphs[0].node_numbers else [0] * len(graphs)
        parts = [graph[name] + shift if shift else graph[name] for graph, shift in zip(graphs, shifts, strict=True)]
        joined[name] = torch.cat(parts)
    joined["batch"] = torch.arange(len(graphs), device=sizes.device).repeat_interleave(sizes)
    return type(graphs[0])(**joined)


def _with_slots(graph: GraphT, slots: int) -> GraphT:
    """The same graph with this number of context atoms per node, the new ones empty."""
    missing = slots - graph.context_kinds.shape[1]
    kinds = pad(graph.context_kinds, (0, missing))
    return copy(graph).update(
        {"context_kinds": kinds, "context_vectors": pad(graph.context_vectors, (0, 0, 0, missing))}
    )
