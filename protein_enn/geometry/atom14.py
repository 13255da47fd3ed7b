"""Between 37 named slots and the 14 that a residue can fill at most: N, CA, C, O, then the side chain."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry


def compact_slots(residues: Int[Tensor, "n"]) -> tuple[Int[Tensor, "n 14"], Bool[Tensor, "n 14"]]:
    """Slot in `chemistry.ATOMS` of each of the 14 atoms of each residue, and whether the residue has that atom."""
    slots = torch.tensor(chemistry.COMPACT, device=residues.device)[residues]
    return slots.clamp_min(0), slots >= 0


def to_compact(
    positions: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"], residues: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "n 14 3"], Bool[Tensor, "n 14"]]:
    """Positions and presence of the 14 atoms; absent ones at the origin."""
    slots, exists = compact_slots(residues)
    mask = present.gather(1, slots) & exists
    return positions.gather(1, slots[..., None].expand(-1, -1, 3)) * mask[..., None], mask


def from_compact(
    compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], positions: Float[Tensor, "n 37 3"]
) -> Float[Tensor, "n 37 3"]:
    """`positions` with the 14 atoms of each residue put in their slots; the other slots (OXT) are left alone."""
    slots, exists = compact_slots(residues)
    result = positions.clone()
    row, column = exists.nonzero(as_tuple=True)
    result[row, slots[row, column]] = compact[row, column].to(positions.dtype)
    return result


def exchange_equivalent(
    compact: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "n 14 3"], Bool[Tensor, "n"]]:
    """The same molecules with the names of equivalent atoms exchanged, and which residues have such atoms."""
    order = torch.arange(chemistry.COMPACT_WIDTH).repeat(len(chemistry.RESIDUES), 1)
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        atoms = chemistry.RESIDUE_ATOMS[name]
        for first, second in pairs:
            i, j = atoms.index(first), atoms.index(second)
            row = chemistry.RESIDUE_INDEX[name]
            order[row, i], order[row, j] = j, i
    order = order.to(residues.device)[residues]
    exchanged = (order != torch.arange(chemistry.COMPACT_WIDTH, device=residues.device)).any(1)
    return compact.gather(1, order[..., None].expand(-1, -1, 3)), exchanged
