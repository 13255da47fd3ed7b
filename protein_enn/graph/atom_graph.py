"""The atom graph: a node at each heavy atom, ligands, ions and nucleic acids among them."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import one_hot

from protein_enn import chemistry
from protein_enn.geometry.neighbors import nearest_neighbors
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
"""Bonded by the chemistry tables inside a residue or by a link between two; same residue; another residue."""
ATOM_WIDTHS = Widths(scalars=len(ELEMENTS) + 1 + len(KINDS) + 1, pseudoscalars=0, vectors=0, edge_types=EDGE_TYPES)


class AtomGraph(GeometricGraph):
    """A node per heavy atom: those of the protein (rows = residue * 37 + slot), then others (rows from n * 37)."""


def atom_graph(structure: Structure, k: int = 16, waters: bool = False) -> AtomGraph:
    """The graph of all heavy atoms; scalars are one-hot element (last: any other) and kind (last: protein).

    Waters are left out unless asked for. ValueError if there is no atom.
    """
    n = len(structure)
    residue, slot = structure.present.nonzero(as_tuple=True)
    others = structure.others
    kept = torch.arange(len(others)) if waters else (others.kinds != KINDS.index("water")).nonzero()[:, 0]
    if len(residue) + len(kept) == 0:
        raise ValueError(f"{structure.name}: no heavy atom to make a graph of")
    elements = [chemistry.element(chemistry.ATOMS[s]) for s in slot.tolist()]
    elements += [others.elements[i].upper() for i in kept.tolist()]
    number = {name: i for i, name in enumerate(ELEMENTS)}
    element = torch.tensor([number.get(e, len(ELEMENTS)) for e in elements])
    kind = torch.cat([torch.full((len(residue),), len(KINDS)), others.kinds[kept]])
    pos = torch.cat([structure.positions[residue, slot], others.positions[kept].to(structure.positions)])
    rows = torch.cat([residue * len(chemistry.ATOMS) + slot, n * len(chemistry.ATOMS) + kept])
    names = {name: i for i, name in enumerate(dict.fromkeys(others.residue_ids))}
    molecule = torch.cat([residue, n + torch.tensor([names[others.residue_ids[i]] for i in kept.tolist()]).long()])
    neighbors, neighbor_mask = nearest_neighbors(pos, k)
    same = molecule[:, None] == molecule[neighbors]
    bonded = (same & _bonded(structure, rows, neighbors)) | _linked(structure, rows, neighbors)
    return AtomGraph(
        pos=pos,
        scalars=torch.cat([one_hot(element, len(ELEMENTS) + 1), one_hot(kind, len(KINDS) + 1)], 1).to(pos.dtype),
        pseudoscalars=pos.new_zeros(len(pos), 0),
        vectors=pos.new_zeros(len(pos), 0, 3),
        neighbors=neighbors,
        neighbor_mask=neighbor_mask,
        edge_types=torch.where(bonded, 0, torch.where(same, 1, 2)),
        rows=rows,
    )


def _bonded(structure: Structure, rows: Int[Tensor, "m"], neighbors: Int[Tensor, "m k"]) -> Tensor:
    """Whether two atoms of one residue are joined by a bond of `chemistry.BONDS`."""
    width = len(chemistry.ATOMS)
    table = torch.zeros(len(chemistry.RESIDUES), width, width, dtype=torch.bool)
    for i, name in enumerate(chemistry.RESIDUES):
        for first, second in chemistry.BONDS[name]:
            a, b = chemistry.ATOM_INDEX[first], chemistry.ATOM_INDEX[second]
            table[i, a, b] = table[i, b, a] = True
    protein = rows < len(structure) * width
    residue = structure.residues[torch.where(protein, rows // width, 0)]
    slot = rows % width
    found = table[residue[:, None], slot[:, None], slot[neighbors]]
    return found & protein[:, None] & protein[neighbors]


def _linked(structure: Structure, rows: Int[Tensor, "m"], neighbors: Int[Tensor, "m k"]) -> Tensor:
    """Whether two atoms are joined by one of the structure's links."""
    linked = torch.zeros_like(neighbors, dtype=torch.bool)
    links, width = structure.links, len(chemistry.ATOMS)
    if not len(links):
        return linked
    ends = torch.where(links.residues >= 0, links.residues, len(structure)) * width + links.atoms
    nodes = torch.searchsorted(rows, ends).clamp_(max=len(rows) - 1)
    nodes = nodes[(rows[nodes] == ends).all(1)]  # waters and lone atoms may be left out
    source = torch.cat([nodes[:, 0], nodes[:, 1]])
    which, column = (neighbors[source] == torch.cat([nodes[:, 1], nodes[:, 0]])[:, None]).nonzero(as_tuple=True)
    linked[source[which], column] = True
    return linked
