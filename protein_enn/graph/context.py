"""Context atoms: what a residue sees of ligands, ions and nucleic acids, which are no nodes of the residue graph."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from protein_enn.geometry.frames import unit
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
"""Elements that bind alike share a class; the index of its class is an atom's kind."""
CONTEXT_KINDS = len(ELEMENT_CLASSES)
CONTEXT_ATOMS = 12
"""Context atoms that a residue sees at most."""
CONTEXT_RADIUS = 10.0
"""Å from CA."""
SIDE = 2.0
"""Å from CA to the point that atoms are nearest to: between CB and where its mirror image would be."""
_CANDIDATES = 64
_KIND_OF = {element: kind for kind, elements in enumerate(ELEMENT_CLASSES) for element in elements}

Context = tuple[Float[Tensor, "m 3"], Int[Tensor, "m"]]
"""Positions (Å) and kinds of m context atoms."""


def element_kinds(elements: Iterable[str]) -> Int[Tensor, "m"]:
    """The class of each element, by its symbol in either case; what is in no class is of the last."""
    return torch.tensor([_KIND_OF.get(element.upper(), CONTEXT_KINDS - 1) for element in elements], dtype=torch.long)


def context_of(structure: Structure) -> Context:
    """Positions (Å) and kinds of atoms of ligands, ions and nucleic acids.

    Not those of kind "other": what a modified residue has beyond its parent would tell what it is.
    """
    others = structure.others
    seen = (others.kinds != KINDS.index("water")) & (others.kinds != KINDS.index("other"))
    elements = [others.elements[i] for i in seen.nonzero()[:, 0].tolist()]
    return others.positions[seen], element_kinds(elements)


def context_features(
    compact: Float[Tensor, "n a 3"], mask: Bool[Tensor, "n a"], context: Context | None
) -> tuple[Float[Tensor, "n c 3"], Int[Tensor, "n c"]]:
    """The context atoms within `CONTEXT_RADIUS` of each CA: vectors from CA (Å) and kinds, zeros where there is none.

    c is `CONTEXT_ATOMS`, or 0 where there is no context at all.

    Of more than `CONTEXT_ATOMS` those nearest to the side chain: to a point `SIDE` from CA, away from N and C. That
    point lies in their plane, so that the mirror image of a protein has the mirror images of its vectors.
    """
    n, slots = len(compact), CONTEXT_ATOMS if context is not None and len(context[0]) else 0
    vectors = compact.new_zeros(n, slots, 3)
    kinds = torch.zeros(n, slots, dtype=torch.long, device=compact.device)
    if context is None or not slots:
        return vectors, kinds
    positions, classes = (values.to(compact.device) for values in context)
    origin = compact[:, 1].double()
    asked = min(_CANDIDATES, len(positions))
    tree = cKDTree(positions.double().cpu().numpy())
    found = tree.query(origin.cpu().numpy(), k=range(1, asked + 1), distance_upper_bound=CONTEXT_RADIUS)[1]
    index = torch.from_numpy(found).to(compact.device)
    there = index < len(positions)  # the tree gives their number where there are no more
    index = index.clamp(max=len(positions) - 1)
    away = positions[index].double() - origin[:, None]
    n_and_c = unit(compact[:, 0].double() - origin) + unit(compact[:, 2].double() - origin)
    side = -SIDE * unit(n_and_c) * (mask[:, 0] & mask[:, 2])[:, None]
    far = (away - side[:, None]).norm(dim=-1).masked_fill(~there, torch.inf)
    chosen = far.topk(min(CONTEXT_ATOMS, asked), largest=False).indices
    kept = there.gather(1, chosen)
    width = chosen.shape[1]
    vectors[:, :width] = (away.gather(1, chosen[..., None].expand(-1, -1, 3)) * kept[..., None]).to(compact.dtype)
    kinds[:, :width] = classes[index.gather(1, chosen)] * kept
    return vectors, kinds
