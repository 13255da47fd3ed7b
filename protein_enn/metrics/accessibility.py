"""How buried residues are: accessible surface relative to the largest possible one, and neighbors around CB."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.metrics.surface import Surface
from protein_enn.structure import Structure

LARGEST = {
    "ALA": 129, "ARG": 274, "ASN": 195, "ASP": 193, "CYS": 167, "GLU": 223, "GLN": 225, "GLY": 104, "HIS": 224,
    "ILE": 197, "LEU": 201, "LYS": 236, "MET": 224, "PHE": 240, "PRO": 159, "SER": 155, "THR": 172, "TRP": 285,
    "TYR": 263, "VAL": 174,
}  # fmt: skip
"""Å^2, accessible surface of X in Gly-X-Gly: theoretical values of Tien et al. (2013) PLoS ONE 8:e80635."""
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
    total = Surface.of(structure).by_residue(len(structure))
    largest = torch.tensor([LARGEST.get(name, torch.nan) for name in chemistry.RESIDUES], dtype=total.dtype)
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
