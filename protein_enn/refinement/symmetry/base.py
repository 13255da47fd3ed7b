"""An input made exactly symmetric with the least harm, before it is refined as one.

The mean of the copies is best where they agree but for noise. Where they do not (another rotamer, a flipped peptide, a
loop elsewhere) a mean is no structure at all: there all copies follow the one that is most like the others.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.chemistry import CA, C, N, O
from protein_enn.geometry.dihedrals import peptide_bonded
from protein_enn.geometry.superposition import moved, superpose
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.structure import Structure

ALIKE = 1.0
"""Å: an atom of any copy further than this from the mean of all is elsewhere, not merely imprecise."""
SHRUNK = 0.03
"""Å: atoms one or two bonds apart come closer in a mean of rotated groups; more than this is too much (1.5 times the
standard deviation of a bond length)."""
BONDED = 2.8
"""Å: atoms of a residue, or of a peptide bond, closer than this are one or two bonds apart."""
RAMP = 10
"""Residues over which mean and chosen copy pass into each other on either side of a stretch that differs."""
BACKBONE = [N, CA, C, O]
FRAME = [N, CA, C]


def made_symmetric(structure: Structure, symmetry: Symmetry) -> tuple[Structure, tuple[str, ...]]:
    """The structure with all copies exactly the same, and what that took, as text.

    Per residue of the unit: the mean of the copies of a point group where they are alike, with names of equivalent
    atoms (Phe CD1 and CD2) exchanged to match copy 0; else the side chain, or the backbone too, of the copy most like
    the others, set on the mean backbone as a rigid body. In a helix or open copies all follow copy 0. Atoms that not
    all copies have ride on their residue's N, CA and C; residues that not all copies have take the shifts of their
    neighbors in sequence. What is outside stays.
    """
    pulled = symmetry.copies_on_unit(structure.positions)
    kinds = structure.residues[symmetry.rows[0]]
    pulled = _equally_named(pulled, symmetry.present, kinds)
    reference = _reference(pulled, symmetry)
    unit, chosen = _unit(structure, symmetry, pulled, reference)
    positions = symmetry.with_unit(unit, structure.positions)
    positions = _neighbors_follow(structure, symmetry, positions)
    result = structure.with_positions(positions)
    return result, _notes(structure, result, symmetry, chosen)


def _notes(before: Structure, after: Structure, symmetry: Symmetry, chosen: Bool[Tensor, "m"]) -> tuple[str, ...]:
    inside = torch.zeros(len(before), dtype=torch.bool)
    inside[symmetry.rows.flatten()] = True
    square = (after.positions - before.positions).square().sum(-1)[before.present & inside[:, None]]
    rms = float(square.mean().sqrt()) if len(square) else 0.0
    notes = [
        f"made exactly {symmetry.name}: copies were {symmetry.deviation(before.positions):.3f} Å apart (operator RMSD),"
        f" atoms moved {rms:.3f} Å (RMS)"
    ]
    if chosen.any():
        notes.append(f"{int(chosen.sum())} residue(s) of the unit differ between copies: all follow one copy there")
    return tuple(notes)


@cache
def _exchanged_slots() -> Int[Tensor, "21 37"]:
    """For each residue the slot whose atom may bear a slot's name: itself but for equivalent atoms."""
    order = torch.arange(len(chemistry.ATOMS)).repeat(len(chemistry.RESIDUES), 1)
    for name, pairs in chemistry.EQUIVALENT_ATOMS.items():
        row = chemistry.RESIDUE_INDEX[name]
        for a, b in ((chemistry.ATOM_INDEX[first], chemistry.ATOM_INDEX[second]) for first, second in pairs):
            order[row, a], order[row, b] = b, a
    return order


def _equally_named(
    pulled: Float[Tensor, "k m 37 3"], present: Bool[Tensor, "k m 37"], kinds: Int[Tensor, "m"]
) -> Float[Tensor, "k m 37 3"]:
    """Copies with equivalent atoms exchanged where that brings them nearer to copy 0; both names must be there."""
    slots = _exchanged_slots()[kinds].expand(len(pulled), -1, -1)
    other = pulled.gather(2, slots[..., None].expand(-1, -1, -1, 3))
    whole = (present == present.gather(2, slots)).all(-1)
    counted = present & present[0]
    apart = ((pulled - pulled[0]).square().sum(-1) * counted).sum(-1)
    swapped = ((other - pulled[0]).square().sum(-1) * counted).sum(-1)
    return torch.where((whole & (swapped < apart))[..., None, None], other, pulled)


def _reference(pulled: Float[Tensor, "k m 37 3"], symmetry: Symmetry) -> int:
    """The copy nearest to the mean (common atoms), or copy 0 where copies are not equivalent."""
    if not symmetry.is_point_group:
        return 0
    off = (pulled - pulled.mean(0)).square().sum(-1) * symmetry.common
    return int(off.sum((1, 2)).argmin())


def _unit(
    structure: Structure, symmetry: Symmetry, pulled: Float[Tensor, "k m 37 3"], reference: int
) -> tuple[Float[Tensor, "m 37 3"], Bool[Tensor, "m"]]:
    """The unit that all copies are to be, and which of its residues follow one copy."""
    common, own = symmetry.common, pulled[reference]
    if symmetry.is_point_group:
        mean = pulled.mean(0)
        backbone, side_chain = _differing(structure, symmetry, pulled, mean)
    else:
        mean, backbone = own, torch.zeros(len(own), dtype=torch.bool)
        side_chain = backbone
    fraction = _ramp(structure, symmetry.rows[0], backbone)[:, None, None]
    unit = (1 - fraction) * mean + fraction * own
    # An atom rides if not all copies have it, or with its whole side chain where that differs.
    side = torch.ones(common.shape[1], dtype=torch.bool)
    side[BACKBONE] = False
    rides = ~common | ((side_chain & (fraction[:, 0, 0] < 1))[:, None] & side)
    filled = torch.zeros_like(rides)
    for c in [reference, *(c for c in range(len(pulled)) if c != reference)]:
        take = rides & symmetry.present[c] & ~filled
        rows = take.any(1).nonzero()[:, 0]
        if len(rows):
            placed = _set_on(pulled[c][rows], unit[rows], common[rows])
            unit[rows] = torch.where(take[rows][..., None], placed, unit[rows])
        filled |= take
    return unit, backbone | side_chain


def _differing(
    structure: Structure, symmetry: Symmetry, pulled: Float[Tensor, "k m 37 3"], mean: Float[Tensor, "m 37 3"]
) -> tuple[Bool[Tensor, "m"], Bool[Tensor, "m"]]:
    """Residues whose backbone, and whose side chain, must not be a mean: too far apart, or shrunk by it."""
    common = symmetry.common
    far = ((pulled - mean).norm(dim=-1).amax(0) > ALIKE) & common
    inside = _shrunk(pulled, mean, common)
    backbone = far[:, BACKBONE].any(1) | inside[:, BACKBONE][:, :, BACKBONE].any((1, 2))
    side_chain = far.any(1) | inside.any((1, 2))
    if len(mean) > 1:
        bonded = peptide_bonded(structure.positions, structure.present, structure.chains)[symmetry.rows[0, :-1]]
        ends = [(CA, 0), (C, 0), (O, 0), (N, 1), (CA, 1)]

        def pair(x: Tensor) -> Tensor:
            return torch.stack([x[..., : len(mean) - 1, a, :] if not i else x[..., 1:, a, :] for a, i in ends], -2)

        known = torch.stack([common[:-1, a] if not i else common[1:, a] for a, i in ends], -1)
        across = _shrunk(pair(pulled), pair(mean), known).any((1, 2)) & bonded & (symmetry.rows[0].diff() == 1)
        backbone[:-1] |= across
        backbone[1:] |= across
    return backbone, side_chain


def _shrunk(pulled: Float[Tensor, "k m a 3"], mean: Float[Tensor, "m a 3"], known: Bool[Tensor, "m a"]) -> Tensor:
    """(m, a, a): pairs of near atoms whose distance in the mean differs from the mean distance by over SHRUNK."""
    apart = (mean[:, :, None] - mean[:, None]).norm(dim=-1)
    distance = torch.zeros_like(apart)
    for copy in pulled:
        distance += (copy[:, :, None] - copy[:, None]).norm(dim=-1) / len(pulled)
    near = (distance < BONDED) & known[:, :, None] & known[:, None]
    return ((distance - apart).abs() > SHRUNK) & near


def _ramp(structure: Structure, rows: Int[Tensor, "m"], mask: Bool[Tensor, "m"]) -> Float[Tensor, "m"]:
    """1 in the mask, falling to 0 over RAMP residues on either side, along bonded chains only."""
    fraction = mask.double()
    bonded = peptide_bonded(structure.positions, structure.present, structure.chains)[rows[:-1]]
    bonded = bonded & (rows.diff() == 1)
    for _ in range(RAMP - 1 if mask.any() else 0):
        step = 1.0 / RAMP
        lower = (fraction - step).clamp_min(0)
        fraction = fraction.clone()
        fraction[1:] = torch.where(bonded, torch.maximum(fraction[1:], lower[:-1]), fraction[1:])
        fraction[:-1] = torch.where(bonded, torch.maximum(fraction[:-1], lower[1:]), fraction[:-1])
    return fraction


def _set_on(
    copy: Float[Tensor, "r 37 3"], unit: Float[Tensor, "r 37 3"], common: Bool[Tensor, "r 37"]
) -> Float[Tensor, "r 37 3"]:
    """Residues of a copy moved rigidly, each so that its N, CA and C come on those of the unit.

    Where these are not common to all copies, by the mean shift of the atoms that are; where none is, not at all.
    """
    whole = common[:, FRAME].all(1)
    rotation, shift = superpose(copy[:, FRAME], unit[:, FRAME])
    weights = common.double()[..., None]
    mean = (weights * (unit - copy)).sum(1) / weights.sum(1).clamp_min(1)
    return torch.where(whole[:, None, None], moved(copy, rotation, shift), copy + mean[:, None])


def _neighbors_follow(
    structure: Structure, symmetry: Symmetry, positions: Float[Tensor, "n 37 3"]
) -> Float[Tensor, "n 37 3"]:
    """Residues between those of the symmetry take their CA shifts, interpolated along the chain."""
    result = positions.clone()
    shift = (positions - structure.positions)[:, CA].double()
    member = torch.zeros(len(structure), dtype=torch.bool)
    member[symmetry.rows.flatten()] = True
    inside = member & structure.present[:, CA]
    for chain in structure.chains[symmetry.rows].unique().tolist():
        rows = (structure.chains == chain).nonzero()[:, 0]
        known = rows[inside[rows]]
        lone = rows[~member[rows]]
        if not len(lone) or not len(known):
            continue
        after = torch.searchsorted(known, lone)
        left, right = known[(after - 1).clamp_min(0)], known[after.clamp_max(len(known) - 1)]
        width = (right - left).clamp_min(1)
        along = ((lone - left).double() / width).clamp(0, 1)[:, None]
        step = (1 - along) * shift[left] + along * shift[right]
        result[lone] = torch.where(
            structure.present[lone][..., None], (positions[lone].double() + step[:, None]).to(result.dtype), 0.0
        )
    return result
