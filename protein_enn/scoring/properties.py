"""What a design is like apart from its score: surface, patches, charge, contacts across its interface."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.metrics.charge import isoelectric_point
from protein_enn.metrics.clashes import clashes
from protein_enn.metrics.complementarity import shape_complementarity
from protein_enn.metrics.polar import hydrogen_bonds, unsatisfied
from protein_enn.metrics.surface import Surface, hydrophobic_patches
from protein_enn.packing.likelihood import side_chain_log_density
from protein_enn.predictor import Predictor
from protein_enn.scoring.composition import composition
from protein_enn.scoring.designs import chain_sequences
from protein_enn.structure import Structure

COMPLETE = 0.95
"""Least fraction of the side-chain atoms that a surface is computed from."""
PATCH = 100.0
"""Å^2, least surface of a patch that counts."""
Groups = tuple[tuple[str, ...], ...]


def properties(structure: Structure, groups: Groups | None = None) -> dict[str, Any]:
    """The columns `property_columns.SEQUENCE`, `SHAPE` and `INTERFACE` of a structure, and its composition.

    Parameters
    ----------
    structure
        Any structure; what needs side chains is None where most of them are missing.
    groups
        Author chains of the sides of an interface, if there is one.

    Returns
    -------
    dict
        By column; None where a value is undefined.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> found = properties(read_structure("examples/1bhl.pdb"))
    >>> found["net_charge"], round(found["isoelectric_point"], 1), found["clashes"]
    (2, 8.6, 4)
    """
    chains = list(chain_sequences(structure, structure.residues).values())
    composed = composition(chains, chains)
    found: dict[str, Any] = {
        **{name: composed[name] for name in ("net_charge", "cysteines", "hydrophobic", "low_complexity")},
        "glycosylation_motifs": composed["glycosylation_motifs"],
        "isoelectric_point": isoelectric_point(chains),
    }
    if not _has_side_chains(structure):
        return found
    surface = Surface.of(structure)
    patches = hydrophobic_patches(structure, surface)
    unpaired = unsatisfied(structure, surface)
    found |= {
        "sasa": surface.total,
        "hydrophobic_patch": max(patches, default=0.0),
        "hydrophobic_patches": sum(patch for patch in patches if patch > PATCH),
        "unsatisfied_polar": len(unpaired),
        "clashes": len(clashes(structure)),
    }
    return found if groups is None else {**found, **_across(structure, groups, surface, unpaired)}


def packing_log_density(structure: Structure, predictor: Predictor) -> float | None:
    """The column `packing_log_density`: how well the side chains of a structure are packed.

    Parameters
    ----------
    structure
        Any structure.
    predictor
        One for packing.

    Returns
    -------
    float or None
        Mean over the residues with a chi angle, nats per residue, higher is better. None where most side chains are
        missing.

    Examples
    --------
    >>> import protein_enn as pe
    >>> structure, packing = pe.read_structure("examples/1bhl.pdb"), pe.load_predictor("packing")
    >>> round(packing_log_density(structure, packing), 1)
    -10.1
    """
    if not _has_side_chains(structure):
        return None
    found = side_chain_log_density(structure, predictor)
    known = found[~found.isnan()]
    return float(known.double().mean()) if len(known) else None


def _across(structure: Structure, groups: Groups, surface: Surface, unpaired: Int[Tensor, "u 2"]) -> dict[str, Any]:
    """The columns of an interface between these sides; chains of no side are there as well."""
    side_of = {chain: k for k, group in enumerate(groups) for chain in group}
    side = torch.tensor([side_of.get(chain, -1) for chain in structure.chain_ids])[structure.chains]
    bonds = hydrogen_bonds(structure)
    ends = side[bonds[:, :, 0]]
    across = (ends[:, 0] != ends[:, 1]) & (ends >= 0).all(1)
    alone = torch.zeros_like(surface.areas)
    fits = []
    for k in range(len(groups)):
        own = side == k
        alone[own[surface.residues]] = Surface.of(structure.take(own)).areas
        if k == 0 or len(groups) > 2:  # of two sides the value is one
            fits.append(shape_complementarity(structure.take(side >= 0), own[side >= 0]))
    inside = side[surface.residues] >= 0
    lost = torch.where(inside, alone - surface.areas, 0.0)
    buried = torch.zeros(structure.present.shape)
    buried[surface.residues, surface.slots] = lost.float()
    known = [fit for fit in fits if fit is not None]
    return {
        "buried_area": float(lost.clamp(min=0).double().sum()),
        "hydrogen_bonds": int(across.sum()),
        "shape_complementarity": sum(known) / len(known) if known else None,
        "unsatisfied_polar_interface": int((buried[unpaired[:, 0], unpaired[:, 1]] > 1.0).sum()),
    }


def _has_side_chains(structure: Structure) -> bool:
    """Whether nearly all atoms of the side chains are there."""
    expected = torch.zeros(len(chemistry.RESIDUES), len(chemistry.ATOMS), dtype=torch.bool)
    for name, atoms in chemistry.SIDE_CHAIN_ATOMS.items():
        expected[chemistry.RESIDUE_INDEX[name], [chemistry.ATOM_INDEX[atom] for atom in atoms]] = True
    wanted = expected[structure.residues]
    return int((wanted & structure.present).sum()) >= COMPLETE * int(wanted.sum())
