"""A new sequence threaded onto a structure: the backbone stays, side chains of changed residues are left to build."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.structure import KINDS, Structure

GLYCINE = chemistry.RESIDUE_INDEX["GLY"]
KEPT = (*chemistry.BACKBONE, chemistry.OXT, chemistry.CB)


def with_sequence(structure: Structure, residues: Int[Tensor, "n"]) -> Structure:
    """The structure with these residues (index into chemistry.RESIDUES); it no longer carries its source.

    A changed residue keeps N, CA, C, O, OXT and, unless it became glycine, CB, which is built where there was none;
    groups that modified it, and links of atoms that are gone, go too. Unchanged residues and other atoms stay.
    """
    if len(residues) != len(structure):
        raise ValueError(f"{structure.name}: {len(residues)} residues for a structure of {len(structure)}")
    changed = residues != structure.residues
    present = structure.present.clone()
    present[changed[:, None] & ~_slots(KEPT)] = False
    present[changed & (residues == GLYCINE), chemistry.CB] = False
    built = changed & (residues != GLYCINE) & ~present[:, chemistry.CB] & structure.has_backbone
    present[built, chemistry.CB] = True
    columns = {name: getattr(structure, name).clone() for name in ("positions", "b_factors", "occupancies")}
    columns["positions"][built, chemistry.CB] = beta_carbons(structure.positions)[built]
    for name in ("b_factors", "occupancies"):
        columns[name][built, chemistry.CB] = columns[name][built, chemistry.CA]
    columns["positions"] = torch.where(present[..., None], columns["positions"], 0.0)
    names = [
        chemistry.RESIDUES[new] if other else old
        for new, other, old in zip(residues.tolist(), changed.tolist(), structure.residue_names, strict=True)
    ]
    bare = _without_modifications(structure, changed, present)
    return replace(bare, residues=residues, present=present, residue_names=tuple(names), source=None, **columns)


def beta_carbons(positions: Float[Tensor, "n 37 3"]) -> Float[Tensor, "n 3"]:
    """Ideal CB positions from N, CA and C, Å: the coefficients of ProteinMPNN (doi 10.1126/science.add2187)."""
    n, ca, c = (positions[:, slot] for slot in (chemistry.N, chemistry.CA, chemistry.C))
    b, d = ca - n, c - ca
    return -0.58273431 * torch.linalg.cross(b, d) + 0.56802827 * b - 0.54067466 * d + ca


def _slots(chosen: tuple[int, ...]) -> Bool[Tensor, "37"]:
    mask = torch.zeros(len(chemistry.ATOMS), dtype=torch.bool)
    mask[list(chosen)] = True
    return mask


def _without_modifications(
    structure: Structure, changed: Bool[Tensor, "n"], present: Bool[Tensor, "n 37"]
) -> Structure:
    """Without the other atoms that belong to changed residues, and without links that lost an end."""
    changed_ids = {structure.residue_id(i) for i in changed.nonzero()[:, 0].tolist()}
    hetero, links = structure.hetero, structure.links
    modifying = hetero.kinds == KINDS.index("other")
    unchanged = torch.tensor([residue_id not in changed_ids for residue_id in hetero.residue_ids], dtype=torch.bool)
    stays = ~modifying | unchanged
    new_row = torch.where(stays, stays.long().cumsum(0) - 1, -1)
    kept = hetero.take(stays)
    protein = links.residues >= 0
    inside = present[links.residues.clamp(min=0), torch.where(protein, links.atoms, 0)]
    atoms = links.atoms.clone()
    atoms[~protein] = new_row[links.atoms[~protein]]
    whole = torch.where(protein, inside, atoms >= 0).all(1)
    links = replace(links, kinds=links.kinds[whole], residues=links.residues[whole], atoms=atoms[whole])
    return replace(structure, hetero=kept, links=links)
