"""Context atoms: ligands, ions and nucleic acids near a residue. They are not nodes of the residue graph."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn.geometry.frames import unit
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import KINDS, Structure

ELEMENT_CLASSES: tuple[tuple[str, ...], ...] = (
    (),  # no atom
    ("C",),
    ("N",),
    ("O",),
    ("S", "SE"),
    ("P",),
    ("F", "CL", "BR", "I"),
    ("LI", "NA", "K", "RB", "CS"),
    ("MG",),
    ("CA",),
    ("ZN",),
    ("FE",),
    (
        "SC", "TI", "V", "CR", "MN", "CO", "NI", "CU", "Y", "ZR", "NB", "MO", "TC", "RU", "RH", "PD", "AG", "CD",
        "HF", "TA", "W", "RE", "OS", "IR", "PT", "AU", "HG",
    ),
    (),  # any other element
)  # fmt: skip
"""Elements of similar binding are one class; the kind of an atom is the index of its class."""
CONTEXT_KINDS = len(ELEMENT_CLASSES)
CONTEXT_ATOMS = 12
"""Context atoms of a residue at most."""
CONTEXT_RADIUS = 10.0
"""Å from CA."""
SIDE = 2.0
"""Å from CA to the point by which atoms are ranked: between CB and the mirror image of CB."""
_CANDIDATES = 64
_KIND_OF = {element: kind for kind, elements in enumerate(ELEMENT_CLASSES) for element in elements}

Context = tuple[Float[Tensor, "m 3"], Int[Tensor, "m"]]
"""Positions (Å) and kinds of m context atoms."""


def element_kinds(elements: Iterable[str]) -> Int[Tensor, "m"]:
    """The class of each element, by its symbol in upper or lower case. An element in no class gets the last one.

    Examples
    --------
    >>> element_kinds(["C", "Zn", "XE"]).tolist()
    [1, 10, 13]
    """
    return torch.tensor([_KIND_OF.get(element.upper(), CONTEXT_KINDS - 1) for element in elements], dtype=torch.long)


def context_of(structure: Structure) -> Context:
    """Positions (Å) and kinds of atoms of ligands, ions and nucleic acids.

    Atoms of kind "other" are left out: atoms that a modified residue has beyond its parent would reveal its identity.
    """
    hetero = structure.hetero
    used = (hetero.kinds != KINDS.index("water")) & (hetero.kinds != KINDS.index("other"))
    elements = [hetero.elements[i] for i in used.nonzero()[:, 0].tolist()]
    return hetero.positions[used], element_kinds(elements)


def context_features(
    atom14: Float[Tensor, "n a 3"], mask: Bool[Tensor, "n a"], context: Context | None
) -> tuple[Float[Tensor, "n c 3"], Int[Tensor, "n c"]]:
    """The context atoms within `CONTEXT_RADIUS` of each CA.

    Of more than `CONTEXT_ATOMS` the ones nearest to the side chain are used: to a point `SIDE` from CA, opposite to N
    and C. That point lies in the plane of N, CA and C, so that the mirror image of a protein has mirrored vectors.

    Parameters
    ----------
    atom14
        Atoms of the residues in atom14 or atom4, Å.
    mask
        Which of them are present.
    context
        All context atoms.

    Returns
    -------
    vectors
        From CA, Å; zero where there is no atom. c is `CONTEXT_ATOMS`, or 0 where there is no context at all.
    kinds
        0 where there is no atom.
    """
    n, slots = len(atom14), CONTEXT_ATOMS if context is not None and len(context[0]) else 0
    vectors = atom14.new_zeros(n, slots, 3)
    kinds = torch.zeros(n, slots, dtype=torch.long, device=atom14.device)
    if context is None or not slots:
        return vectors, kinds
    positions, classes = (values.to(atom14.device) for values in context)
    low, high = positions.double().aminmax(dim=0)
    origin = atom14[:, 1].double()
    rows = ((origin > low - CONTEXT_RADIUS) & (origin < high + CONTEXT_RADIUS)).all(1).nonzero()[:, 0]
    if not len(rows):
        return vectors, kinds
    origin = origin[rows]
    count = min(_CANDIDATES, len(positions))
    tree = kd_tree(positions.double().cpu().numpy())
    nearest = tree.query(origin.detach().cpu().numpy(), k=range(1, count + 1), distance_upper_bound=CONTEXT_RADIUS)[1]
    index = torch.from_numpy(nearest).to(atom14.device)
    exists = index < len(positions)  # where there are no more atoms the tree returns their number
    some = exists[:, 0]
    rows, origin, index, exists = rows[some], origin[some], index[some], exists[some]
    index = index.clamp(max=len(positions) - 1)
    offset = positions[index].double() - origin[:, None]
    n_and_c = unit(atom14[rows, 0].double() - origin) + unit(atom14[rows, 2].double() - origin)
    side = -SIDE * unit(n_and_c) * (mask[rows, 0] & mask[rows, 2])[:, None]
    distance = (offset - side[:, None]).norm(dim=-1).masked_fill(~exists, torch.inf)
    selected = distance.topk(min(CONTEXT_ATOMS, count), largest=False).indices
    kept = exists.gather(1, selected)
    width = selected.shape[1]
    near = offset.gather(1, selected[..., None].expand(-1, -1, 3)) * kept[..., None]
    vectors[rows, :width] = near.to(atom14.dtype)
    kinds[rows, :width] = classes[index.gather(1, selected)] * kept
    return vectors, kinds
