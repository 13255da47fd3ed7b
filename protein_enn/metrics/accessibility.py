"""How buried residues are: accessible surface relative to the largest possible one, and neighbors around CB."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import KINDS, Structure

LARGEST = {
    "ALA": 129, "ARG": 274, "ASN": 195, "ASP": 193, "CYS": 167, "GLU": 223, "GLN": 225, "GLY": 104, "HIS": 224,
    "ILE": 197, "LEU": 201, "LYS": 236, "MET": 224, "PHE": 240, "PRO": 159, "SER": 155, "THR": 172, "TRP": 285,
    "TYR": 263, "VAL": 174,
}  # fmt: skip
"""Å^2, accessible surface of X in Gly-X-Gly: theoretical values of Tien et al. (2013) PLoS ONE 8:e80635."""
PROBE = 1.4
"""Å, radius of water."""
HETERO_RADIUS = 1.7
"""Å, of hetero atoms whose element has no radius in `chemistry.VDW_RADII`."""
POINTS = 200
CONTACT_RADIUS = 10.0
"""Å from CB (CA of glycine, or where CB is missing) within which another residue's counts."""


def burial(structure: Structure) -> Float[Tensor, "n"]:
    """1 minus the accessible surface of each residue relative to the largest possible one (Shrake and Rupley).

    Parameters
    ----------
    structure
        Any structure. Ligands, ions and nucleic acids cover residues; water does not.

    Returns
    -------
    Float[Tensor, "n"]
        0 (exposed) to 1 (buried); nan for unknown residues.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> buried = burial(read_structure("examples/1bhl.pdb"))
    >>> buried.shape, round(float(buried.nanmean()), 1)
    (torch.Size([135]), 0.7)
    """
    residue, slot = structure.present.nonzero(as_tuple=True)
    hetero = structure.hetero
    cover = (hetero.kinds != KINDS.index("water")).nonzero()[:, 0]
    points = torch.cat([structure.positions[residue, slot], hetero.positions[cover].to(structure.positions)])
    elements = [chemistry.element(chemistry.ATOMS[s]) for s in slot.tolist()]
    elements += [hetero.elements[k].upper() for k in cover.tolist()]
    import biotite.structure as biotite  # a third of a second, of which scoring needs nothing

    atoms = biotite.AtomArray(len(points))
    atoms.coord = points.numpy()
    atoms.element = np.array(elements)
    radii = np.array([chemistry.VDW_RADII.get(element, HETERO_RADIUS) for element in elements])
    area = biotite.sasa(atoms, PROBE, point_number=POINTS, vdw_radii=radii, ignore_ions=False)
    found = torch.from_numpy(np.nan_to_num(area[: len(residue)])).to(structure.positions.dtype)
    total = torch.zeros(len(structure), dtype=found.dtype).index_add_(0, residue, found)
    largest = torch.tensor([LARGEST.get(name, torch.nan) for name in chemistry.RESIDUES], dtype=found.dtype)
    return (1 - total / largest[structure.residues]).clamp(0, 1)


def contact_numbers(structure: Structure) -> Int[Tensor, "n"]:
    """Residues whose CB is within `CONTACT_RADIUS` of that of each residue; CA where there is no CB.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Int[Tensor, "n"]
        0 for a residue with neither atom.
    """
    slot = torch.where(structure.present[:, chemistry.CB], chemistry.CB, chemistry.CA)
    rows = (structure.present[:, chemistry.CA] | structure.present[:, chemistry.CB]).nonzero()[:, 0]
    points = structure.positions[rows, slot[rows]].double().numpy()
    result = torch.zeros(len(structure), dtype=torch.long)
    if len(rows):
        tree = kd_tree(points)
        result[rows] = torch.from_numpy(tree.query_ball_point(points, CONTACT_RADIUS, return_length=True)) - 1
    return result
