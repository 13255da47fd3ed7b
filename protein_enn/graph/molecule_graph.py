"""The graph of molecules with all their atoms: elements, positions and the total charge; no bonds, no residues.

All neighbors within the cutoff are edges, however many, so that what is summed over them with a weight that vanishes at
the cutoff is smooth in the positions.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot, pad

from protein_enn.geometry.neighbors import neighbors_within
from protein_enn.graph.fields import GeometricGraph, Widths

NUMBERS = (1, 6, 7, 8, 16)
"""Atomic numbers that a graph can have: H, C, N, O, S."""
MOLECULE_WIDTHS = Widths(scalars=len(NUMBERS) + 1, pseudoscalars=0, vectors=0, edge_types=len(NUMBERS) ** 2)
"""Scalars: the element, one-hot, and the total charge of the molecule. Edge types: the elements of both ends."""
FIRST_SEARCH = 32
"""Neighbors that the first search looks for."""
WIDTH = 12
"""Neighbors in a row; an atom with more has several rows."""


class MoleculeGraph(GeometricGraph):
    """A node per atom, hydrogens included, in the order of the input, with as many rows of neighbors as it needs."""

    elements: Int[Tensor, "n"]  # index into NUMBERS


def molecule_graph(
    elements: Int[Tensor, "n"], positions: Float[Tensor, "n 3"], charge: int, cutoff: float
) -> MoleculeGraph:
    """The graph of a molecule; `graph.batch` joins several.

    Parameters
    ----------
    elements
        Atomic numbers.
    positions
        Å.
    charge
        Of the whole molecule, in elementary charges.
    cutoff
        Å: all other atoms within it are neighbors of an atom.

    Raises
    ------
    ValueError
        There is no atom, an element is not one of `NUMBERS`, the shapes differ, or a position is not finite.

    Examples
    --------
    >>> water = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    >>> graph = molecule_graph(torch.tensor([8, 1, 1]), water, charge=0, cutoff=1.2)
    >>> graph.targets.tolist(), graph.neighbor_mask.sum(1).tolist()
    ([0, 1, 2], [2, 1, 1])
    """
    if elements.ndim != 1 or positions.shape != (len(elements), 3):
        raise ValueError(f"elements of shape {[*elements.shape]} and positions of shape {[*positions.shape]}: give "
                         "a number and three coordinates of each atom")  # fmt: skip
    if len(elements) == 0:
        raise ValueError("a molecule without atoms has no graph")
    known = elements[:, None] == torch.tensor(NUMBERS, device=elements.device)
    if not bool(known.any(1).all()):
        first = int((~known.any(1)).nonzero()[0, 0])
        raise ValueError(f"atom {first} has the atomic number {int(elements[first])}; there are only {NUMBERS}")
    index = known.int().argmax(1)
    neighbors, mask, targets = _in_rows(*_all_within(positions, cutoff))
    total = positions.new_full((len(elements), 1), float(charge))
    return MoleculeGraph(
        pos=positions,
        scalars=torch.cat([one_hot(index, len(NUMBERS)).to(positions.dtype), total], 1),
        pseudoscalars=positions.new_zeros(len(elements), 0),
        vectors=positions.new_zeros(len(elements), 0, 3),
        neighbors=neighbors,
        neighbor_mask=mask,
        edge_types=index[targets][:, None] * len(NUMBERS) + index[neighbors],
        targets=targets,
        rows=torch.arange(len(elements), device=elements.device),
        elements=index,
    )


def _all_within(points: Float[Tensor, "n 3"], radius: float) -> tuple[Int[Tensor, "n k"], Bool[Tensor, "n k"]]:
    """All others within the radius, nearest first, and at least one column."""
    k = min(FIRST_SEARCH, max(len(points) - 1, 1))
    neighbors, mask = neighbors_within(points, radius, k)
    while k < len(points) - 1 and bool(mask[:, -1].any()):
        k = min(2 * k, len(points) - 1)
        neighbors, mask = neighbors_within(points, radius, k)
    most = max(int(mask.sum(1).max()), 1)
    return neighbors[:, :most].contiguous(), mask[:, :most].contiguous()


def _in_rows(
    neighbors: Int[Tensor, "n k"], mask: Bool[Tensor, "n k"]
) -> tuple[Int[Tensor, "r w"], Bool[Tensor, "r w"], Int[Tensor, "r"]]:
    """The neighbors in rows of `WIDTH`, the last of each node filled with places that are masked out; and their nodes.

    Atoms have very different numbers of neighbors: one row for each node would be half empty.
    """
    n, k = neighbors.shape
    missing = -k % WIDTH
    itself = torch.arange(n, device=neighbors.device)[:, None].expand(n, missing)
    neighbors = torch.cat([neighbors, itself], 1).view(n, -1, WIDTH)
    mask = pad(mask, (0, missing)).view(n, -1, WIDTH)
    kept = mask.any(2)
    kept[:, 0] = True  # also of an atom without neighbors
    return neighbors[kept], mask[kept], kept.nonzero()[:, 0]
