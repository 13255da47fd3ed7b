"""Do no harm: what of a proposed refinement may be kept.

The input is candidate 0. A residue moves only if its predicted lDDT rises; after the covalent restraints are restored,
any residue with an outlier that the input did not have goes half of the way, then stays where it was, together with
its neighbours in sequence where it cannot yield by itself. This repeats until no residue has a new outlier and no
count of outliers is larger than in the input; if that cannot be had, everything stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.geometry.dihedrals import peptide_bonded
from protein_enn.metrics import Stereochemistry, stereochemistry
from protein_enn.refinement.restraints import restraints
from protein_enn.settings import Settings
from protein_enn.structure import KINDS, Structure

KINDS_OF_OUTLIERS: Mapping[str, tuple[str, str]] = {
    "clash": ("clashes", "a new clash"),
    "bond": ("bond_outliers", "a new bond length outlier"),
    "angle": ("angle_outliers", "a new bond angle outlier"),
    "omega": ("omega_outliers", "a new peptide bond outlier"),
    "chirality": ("chirality_errors", "a new chirality error"),
    "ramachandran": ("ramachandran_outliers", "a new Ramachandran outlier"),
}
"""Mask of `Stereochemistry` -> its count in `summary()`, and what to call it."""
CONTACT = "a new clash with a ligand, ion or nucleic acid"


class Gate(Settings):
    """How careful the gate is."""

    margin: float = 0.0  # a residue moves if its predicted lDDT (0..1) rises by more than this
    rounds: int = 10  # of finding outliers and taking moves back, before everything is taken back
    contact: float = 2.6  # Å: closer to a ligand, ion or nucleic acid than this is bound to it (input) or a clash (new)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the gate let through."""

    positions: Float[Tensor, "n 37 3"]
    fraction: Float[Tensor, "n"]  # of the proposed move that was taken: 1, 1/2 or 0
    reason: tuple[str, ...]  # why a residue that was to move went only half of the way or not at all; else ""
    before: Stereochemistry
    after: Stereochemistry


def judge(
    structure: Structure, proposal: Float[Tensor, "n 37 3"], wanted: Bool[Tensor, "n"], settings: Gate
) -> Verdict:
    """Let those of the `wanted` moves through that bring no new outlier of any kind."""
    before = stereochemistry(structure)
    was = _outliers(structure, before, settings)
    hold = restraints(structure, free=before.bond | before.angle)
    fraction, reason = wanted.float(), [""] * len(structure)
    for attempt in range(settings.rounds):
        candidate = structure
        if fraction.any():
            blend = structure.positions + fraction[:, None, None] * (proposal - structure.positions)
            candidate = structure.with_positions(hold.project(blend, fraction > 0))
        after = stereochemistry(candidate)
        now = _outliers(candidate, after, settings)
        new = {kind: now[kind] & ~was[kind] for kind in now}
        if not any(mask.any() for mask in new.values()):
            new = _grown(now, before.summary(), after.summary())
        if not new:
            return Verdict(candidate.positions, fraction, tuple(reason), before, after)
        fraction = _yield(
            structure, fraction, new, reason, firm=attempt >= settings.rounds // 2, wide=attempt >= settings.rounds - 2
        )
    nothing = f"outliers remained after {settings.rounds} rounds: the whole input was kept"
    reason = [nothing if w else "" for w in wanted.tolist()]
    return Verdict(structure.positions, torch.zeros_like(fraction), tuple(reason), before, before)


def _outliers(structure: Structure, geometry: Stereochemistry, settings: Gate) -> dict[str, Tensor]:
    """Per kind, which residues have an outlier; being too close to something that is not protein is one more."""
    found = {kind: getattr(geometry, kind) for kind in KINDS_OF_OUTLIERS}
    return {**found, "contact": touches_others(structure, settings.contact)}


def _grown(now: dict[str, Tensor], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Tensor]:
    """Residues of those kinds of outliers whose count rose although no further residue is concerned."""
    return {kind: now[kind] for kind, (count, _) in KINDS_OF_OUTLIERS.items() if after[count] > before[count]}


def _yield(
    structure: Structure, fraction: Tensor, new: dict[str, Tensor], reason: list[str], firm: bool, wide: bool
) -> Float[Tensor, "n"]:
    """Take back half of the move of the residues concerned, or of those beside or near them if they do not move.

    `firm`: all of the move, and beside them in any case; `wide`: all around them.
    """
    fraction = fraction.clone()
    for kind, concerned in new.items():
        moving = fraction > 0
        beside = _beside(structure, concerned if firm else concerned & ~moving)
        lower = moving & (concerned | beside)
        if wide or (concerned.any() and not lower.any()):
            lower = moving & _near(structure, concerned)
        what = KINDS_OF_OUTLIERS[kind][1] if kind in KINDS_OF_OUTLIERS else CONTACT
        for i in lower.nonzero()[:, 0].tolist():
            where = "" if concerned[i] else " beside it"
            reason[i] = f"would bring {what}{where}"
        halved = torch.zeros_like(fraction) if firm else torch.where(fraction == 1, 0.5, 0.0)
        fraction = torch.where(lower, halved, fraction)
    return fraction


def _beside(structure: Structure, mask: Bool[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Residues joined by a peptide bond to one in the mask."""
    bond = peptide_bonded(structure.positions, structure.present, structure.chains)[:-1]
    result = torch.zeros_like(mask)
    result[1:] |= mask[:-1] & bond
    result[:-1] |= mask[1:] & bond
    return result


def _near(structure: Structure, mask: Bool[Tensor, "n"], reach: float = 12.0) -> Bool[Tensor, "n"]:
    """Residues whose first atom is within `reach` Å of that of one in the mask."""
    first = structure.positions[torch.arange(len(structure)), structure.present.float().argmax(-1)]
    result = torch.zeros_like(mask)
    for at in first[mask]:
        result |= (first - at).norm(dim=-1) < reach
    return result


def touches_others(structure: Structure, contact: float) -> Bool[Tensor, "n"]:
    """Residues with an atom within `contact` Å of a ligand, ion or nucleic acid (water yields)."""
    others = structure.others.positions[structure.others.kinds != KINDS.index("water")]
    row, slot = structure.present.nonzero(as_tuple=True)
    atoms = structure.positions[row, slot]
    touched = torch.zeros(len(structure), dtype=torch.bool)
    # Blocks bound the memory: 2,048 x m distances at a time.
    for block in torch.arange(len(atoms)).split(2048) if len(others) else ():
        apart = (atoms[block, None] - others[None]).square().sum(-1)
        touched[row[block[(apart < contact**2).any(-1)]]] = True
    return touched
