"""Side-chain atoms that a file lacks, put in: ideal geometry, common rotamers, as few clashes as can be.

Atoms that exist do not move, and the chi angles that they tell are kept. What is chosen is one rotamer for each
residue (`packing`), then small changes of chi1 and chi2 from it. A missing O is put into the plane of the peptide bond;
OXT, N, CA, C and whole residues are never made.

New atoms get an occupancy of 1, as PDBFixer, Coot and Rosetta give them: many programs leave out atoms of occupancy 0.
That they were modeled stands in the audit. Their B factor is the largest in their residue; the pLDDT of CA where the
file holds pLDDT.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.bonds import adjacent_residues, linked_side_chains
from protein_enn.chemistry import CA, OXT, C, N, O
from protein_enn.geometry.atom14 import atom14_slots, from_atom14, to_atom14
from protein_enn.geometry.side_chain_topology import FIRST
from protein_enn.packing.rotamer_search import chosen_side_chains
from protein_enn.structure import Structure
from protein_enn.structure.audit import EXAMPLES, Audit, Finding

_O_BOND, _O_ANGLE = 1.229, math.radians(122.7)
"""C=O and O-C-N: Engh & Huber (2001)."""


@runtime_checkable
class Chooser(Protocol):
    """Chooses the side chains of incomplete residues."""

    def __call__(
        self,
        structure: Structure,
        x: Float[Tensor, "n 14 3"],
        mask: Bool[Tensor, "n 14"],
        rows: Int[Tensor, "m"],
        wanted: Bool[Tensor, "n 14"],
    ) -> Float[Tensor, "m 14 3"]:
        """The atoms of these rows, complete; `wanted` are new, atoms of the mask do not move."""


def rebuild(structure: Structure, choose: Chooser = chosen_side_chains) -> tuple[Structure, list[int]]:
    """The structure with missing side-chain atoms and O added, and the rows of the residues that got any.

    The audit says which these are ("atoms-rebuilt"), and which residues were left as they are and why
    ("atoms-not-rebuilt"): modified and unknown residues, those without N, CA or C, those whose side chain is in a link,
    an O without the next residue.
    """
    left = _obstacles(structure)
    oxygen = with_oxygen(structure, left)
    x, mask = to_atom14(oxygen.positions.double(), oxygen.present, oxygen.residues)
    wanted = atom14_slots(oxygen.residues)[1] & ~mask
    wanted[:, :FIRST] = False
    wanted[list(left)] = False
    rows = wanted.any(1).nonzero()[:, 0]
    for i in (atom14_slots(oxygen.residues)[1] & ~mask & ~wanted)[:, :FIRST].any(1).nonzero()[:, 0].tolist():
        left.setdefault(i, "no O, and nothing says where the peptide plane lies")
    if len(rows):
        x[rows] = choose(oxygen, x, mask, rows, wanted)
    added = torch.zeros_like(oxygen.present)
    row, column = wanted.nonzero(as_tuple=True)
    added[row, atom14_slots(oxygen.residues)[0][row, column]] = True
    full = from_atom14(x, oxygen.residues, oxygen.positions)
    positions = torch.where(added[..., None], full, oxygen.positions)
    result = _filled(structure, positions, added | (oxygen.present & ~structure.present))
    changed = (result.present & ~structure.present).any(1).nonzero()[:, 0].tolist()
    count = int((result.present & ~structure.present).sum())
    return replace(result, audit=_noted(structure, changed, count, left)), changed


def _obstacles(structure: Structure) -> dict[int, str]:
    """Why residues with missing atoms cannot be completed."""
    reasons = {}
    missing = (atom14_slots(structure.residues)[1] & ~to_atom14(
        structure.positions, structure.present, structure.residues)[1]).any(1)  # fmt: skip
    whole, linked = structure.has_backbone, linked_side_chains(structure)
    linked &= structure.residues != chemistry.RESIDUE_INDEX["CYS"]  # whose only side-chain atom is that of the link
    for i in missing.nonzero()[:, 0].tolist():
        name = structure.residue_names[i]
        if int(structure.residues[i]) == chemistry.UNKNOWN:
            reasons[i] = f"{name} is not one of the twenty amino acids"
        elif name != chemistry.RESIDUES[int(structure.residues[i])]:
            reasons[i] = f"{name} is a modified residue"
        elif not whole[i]:
            reasons[i] = "N, CA or C is missing"
        elif linked[i]:
            reasons[i] = "its side chain is in a link, which takes the place of an atom"
    return reasons


def with_oxygen(structure: Structure, skipped: Collection[int] = ()) -> Structure:
    """The structure with missing O where the next residue or OXT shows the peptide plane, but not of rows `skipped`.

    O lies in the plane of CA, C and that atom, opposite to their bisector.
    """
    x, present = structure.positions.double(), structure.present
    _, after = adjacent_residues(structure)
    other = torch.where(present[:, OXT, None], x[:, OXT], x[after, N])
    known = ((after >= 0) | present[:, OXT]) & structure.has_backbone
    known &= ~present[:, O]
    known[list(skipped)] = False
    to_ca, to_n = ((at - x[:, C]) / (at - x[:, C]).norm(dim=-1, keepdim=True) for at in (x[:, CA], other))
    side = to_ca - (to_ca * to_n).sum(-1, keepdim=True) * to_n
    side = side / side.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    place = x[:, C] + _O_BOND * (math.cos(_O_ANGLE) * to_n - math.sin(_O_ANGLE) * side)
    positions = structure.positions.clone()
    positions[known, O] = place[known].to(positions.dtype)
    present = present.clone()
    present[:, O] |= known
    return replace(structure, positions=positions, present=present)


def _filled(structure: Structure, positions: Float[Tensor, "n 37 3"], added: Bool[Tensor, "n 37"]) -> Structure:
    """With the added atoms, their B factors and occupancies."""
    known = torch.where(structure.present, structure.b_factors, -math.inf).amax(1, keepdim=True)
    shown = structure.b_factors[:, CA : CA + 1] if structure.predicted else known
    return replace(
        structure,
        positions=positions,
        present=structure.present | added,
        b_factors=torch.where(added, shown, structure.b_factors),
        occupancies=torch.where(added, 1.0, structure.occupancies),
    )


def _noted(structure: Structure, changed: list[int], count: int, left: dict[int, str]) -> Audit:
    """The audit with what was made and what was not."""
    found = []
    if changed:
        places = tuple(structure.residue_id(i) for i in changed[:EXAMPLES])
        text = f"{count} missing atoms of {len(changed)} residues were modeled (occupancy 1), from {places[0]} on"
        found.append(Finding("atoms-rebuilt", "warning", text, count, places))
    if left:
        places = tuple(structure.residue_id(i) for i in left)
        shown = "; ".join(f"{place}: {why}" for place, why in zip(places[:EXAMPLES], left.values(), strict=False))
        text = f"{len(left)} incomplete residues were left as they are ({shown})"
        found.append(Finding("atoms-not-rebuilt", "warning", text, len(left), places[:EXAMPLES]))
    return replace(structure.audit, findings=(*structure.audit.findings, *found))
