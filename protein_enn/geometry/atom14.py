"""Conversion between atom37, a slot for each atom name, and atom14: N, CA, C, O, then the side chain of a residue."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry


def atom14_slots(residues: Int[Tensor, "n"]) -> tuple[Int[Tensor, "n 14"], Bool[Tensor, "n 14"]]:
    """The slot in `chemistry.ATOMS` of each of the 14 atoms of each residue, and whether the residue has that atom."""
    slots = torch.tensor(chemistry.ATOM14, device=residues.device)[residues]
    return slots.clamp_min(0), slots >= 0


def to_atom14(
    positions: Float[Tensor, "n 37 3"], present: Bool[Tensor, "n 37"], residues: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "n 14 3"], Bool[Tensor, "n 14"]]:
    """Atoms in atom14 from atom37.

    Parameters
    ----------
    positions
        Atoms in atom37, Å.
    present
        Which of them exist.
    residues
        Index into `chemistry.RESIDUES`.

    Returns
    -------
    positions
        Å; absent atoms are at the origin.
    present
        Which of the 14 atoms exist.
    """
    slots, exists = atom14_slots(residues)
    mask = present.gather(1, slots) & exists
    return positions.gather(1, slots[..., None].expand(-1, -1, 3)) * mask[..., None], mask


def from_atom14(
    atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"], positions: Float[Tensor, "n 37 3"]
) -> Float[Tensor, "n 37 3"]:
    """Atoms in atom37 from atom14.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å.
    residues
        Index into `chemistry.RESIDUES`.
    positions
        Atoms in atom37, Å: the values of slots that atom14 does not have (OXT).

    Returns
    -------
    Float[Tensor, "n 37 3"]
        A copy of `positions` with the 14 atoms of each residue in their slots.
    """
    slots, exists = atom14_slots(residues)
    result = positions.clone()
    row, column = exists.nonzero(as_tuple=True)
    result[row, slots[row, column]] = atom14[row, column].to(positions.dtype)
    return result


def exchange_equivalent(
    atom14: Float[Tensor, "n 14 3"], residues: Int[Tensor, "n"]
) -> tuple[Float[Tensor, "n 14 3"], Bool[Tensor, "n"]]:
    """The same molecules with the names of equivalent atoms exchanged, and which residues have such atoms."""
    order = torch.arange(chemistry.ATOM14_WIDTH).repeat(len(chemistry.RESIDUES), 1)
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        atoms = chemistry.RESIDUE_ATOMS[name]
        for first, second in pairs:
            i, j = atoms.index(first), atoms.index(second)
            row = chemistry.RESIDUE_INDEX[name]
            order[row, i], order[row, j] = j, i
    order = order.to(residues.device)[residues]
    exchanged = (order != torch.arange(chemistry.ATOM14_WIDTH, device=residues.device)).any(1)
    return atom14.gather(1, order[..., None].expand(-1, -1, 3)), exchanged
