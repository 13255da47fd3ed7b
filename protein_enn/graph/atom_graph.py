"""The atom graph: a node at each heavy atom, including ligands, ions and nucleic acids."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import one_hot

from protein_enn import chemistry
from protein_enn.bonds import distance_bonds, link_bonds, phosphodiester_bonds, table_bonds
from protein_enn.geometry.neighbors import nearest_and_tied, squared_distances
from protein_enn.graph.fields import GeometricGraph, Widths
from protein_enn.structure import KINDS, Structure

ELEMENTS = (
    "C",
    "N",
    "O",
    "S",
    "P",
    "F",
    "CL",
    "BR",
    "I",
    "SE",
    "MG",
    "CA",
    "MN",
    "FE",
    "CO",
    "NI",
    "CU",
    "ZN",
    "NA",
    "K",
)
EDGE_TYPES = 3
"""Bonded (`bonds`: by tables in a protein residue, by distance in any other, by links between two); not bonded, in the
same residue; in another residue."""
ATOM_WIDTHS = Widths(scalars=len(ELEMENTS) + 1 + len(KINDS) + 1, pseudoscalars=0, vectors=0, edge_types=EDGE_TYPES)


class AtomGraph(GeometricGraph):
    """A node per heavy atom: those of the protein (rows: residue * 37 + slot), then hetero atoms (rows from n * 37)."""


def atom_graph(structure: Structure, k: int = 16, waters: bool = False, radius: float | None = None) -> AtomGraph:
    """The graph of all heavy atoms. Scalars are one-hot: element (last: any other) and kind (last: protein).

    Parameters
    ----------
    structure
        Any structure, also without protein.
    k
        Neighbors of each atom: the nearest.
    waters
        Whether waters are nodes.
    radius
        Neighbors beyond this distance (Å) are masked out, but bonded ones never. By default there is no limit.

    Returns
    -------
    AtomGraph
        Its `rows` are the atoms of the nodes.

    Raises
    ------
    ValueError
        There is no atom, or a coordinate is not finite.

    Examples
    --------
    >>> from protein_enn.testing import random_structure
    >>> atom_graph(random_structure((5,)), k=8).neighbors.shape[1]
    8
    """
    n = len(structure)
    residue, slot = structure.present.nonzero(as_tuple=True)
    hetero = structure.hetero
    kept = torch.arange(len(hetero)) if waters else (hetero.kinds != KINDS.index("water")).nonzero()[:, 0]
    if len(residue) + len(kept) == 0:
        raise ValueError(f"{structure.name}: no heavy atom to make a graph of")
    elements = [chemistry.element(chemistry.ATOMS[s]) for s in slot.tolist()]
    elements += [hetero.elements[i].upper() for i in kept.tolist()]
    number = {name: i for i, name in enumerate(ELEMENTS)}
    element = torch.tensor([number.get(e, len(ELEMENTS)) for e in elements])
    kind = torch.cat([torch.full((len(residue),), len(KINDS)), hetero.kinds[kept]])
    pos = torch.cat([structure.positions[residue, slot], hetero.positions[kept].to(structure.positions)])
    rows = torch.cat([residue * len(chemistry.ATOMS) + slot, n * len(chemistry.ATOMS) + kept])
    molecule = torch.cat([residue, _hetero_residues(structure)[kept]])
    neighbors, neighbor_mask = nearest_and_tied(pos, k)
    square = squared_distances(pos, neighbors)
    same = molecule[:, None] == molecule[neighbors]
    names = [""] * len(residue) + [hetero.names[i] for i in kept.tolist()]
    bonded = (
        (same & table_bonds(structure, rows, neighbors))
        | (same & ~_both(rows < n * len(chemistry.ATOMS), neighbors) & distance_bonds(elements, neighbors, square))
        | (_both(kind == KINDS.index("nucleic"), neighbors) & phosphodiester_bonds(names, neighbors, square))
        | link_bonds(structure, rows, neighbors)
    ) & neighbor_mask
    types = torch.where(bonded, 0, torch.where(same, 1, 2))
    if radius is not None:
        neighbor_mask = neighbor_mask & (bonded | (square <= radius**2))
        neighbors, neighbor_mask, types = _without_gaps(neighbors, neighbor_mask, types)
    return AtomGraph(
        pos=pos,
        scalars=torch.cat([one_hot(element, len(ELEMENTS) + 1), one_hot(kind, len(KINDS) + 1)], 1).to(pos.dtype),
        pseudoscalars=pos.new_zeros(len(pos), 0),
        vectors=pos.new_zeros(len(pos), 0, 3),
        neighbors=neighbors,
        neighbor_mask=neighbor_mask,
        edge_types=types,
        rows=rows,
    )


def _hetero_residues(structure: Structure) -> Int[Tensor, "m"]:
    """A number for the residue of each hetero atom, from the number of protein residues on. Atoms that a modified
    residue has beyond its parent get the number of that residue."""
    hetero, odd = structure.hetero, KINDS.index("other")
    modified = {structure.residue_id(i): i for i in range(len(structure))} if (hetero.kinds == odd).any() else {}
    numbers = {name: len(structure) + i for i, name in enumerate(dict.fromkeys(hetero.residue_ids))}
    pairs = zip(hetero.residue_ids, hetero.kinds.tolist(), strict=True)
    return torch.tensor([modified.get(i, numbers[i]) if k == odd else numbers[i] for i, k in pairs]).long()


def _both(atoms: Bool[Tensor, "m"], neighbors: Int[Tensor, "m k"]) -> Bool[Tensor, "m k"]:
    """Whether an atom and its neighbor are both among these atoms."""
    return atoms[:, None] & atoms[neighbors]


def _without_gaps(
    neighbors: Int[Tensor, "m k"], mask: Bool[Tensor, "m k"], types: Int[Tensor, "m k"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows without gaps: remaining neighbors come first, then the node itself, masked out."""
    order = (~mask).long().argsort(dim=1, stable=True)
    mask = mask.gather(1, order)
    itself = torch.arange(len(mask))[:, None]
    neighbors = torch.where(mask, neighbors.gather(1, order), itself)
    return neighbors, mask, torch.where(mask, types.gather(1, order), 1)  # a node is in its own residue
