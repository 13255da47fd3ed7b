"""Whether the B-factor column of a structure holds pLDDT, and the pLDDT of its residues.

A file may declare it (`Structure.predicted`). Otherwise scale and direction decide: pLDDT is high where a residue has
many others around it, B factors and predicted errors are low there. A column of which this is not clear is not taken.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn import chemistry
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure

CONTACT_RADIUS = 10.0
"""Å between CA atoms within which residues are counted as being around one."""
FEW = 10
"""Fewest residues of a column whose direction decides."""
LOW, HIGH = 20.0, 50.0
"""Means (0 to 100): a column below the first is no pLDDT. One above the second is more likely pLDDT than B factors."""
OPPOSED, AGREES, CLEAR = -0.1, 0.1, 0.25
"""Correlations with the number of residues around that a column must reach: with a high mean and one value for each
residue, as most programs write pLDDT; with a high mean; and with a low one."""
COLUMNS = 4
"""Of `plddt_columns`."""


def plddt_columns(structure: Structure) -> Float[Tensor, "n 4"]:
    """Whether the pLDDT of a residue is known (0 or 1); its pLDDT at CA, the mean and the least of its atoms, 0 to 1.

    Parameters
    ----------
    structure
        Any structure.

    Returns
    -------
    Float[Tensor, "n 4"]
        Zeros where there is none.

    Examples
    --------
    >>> from protein_enn import read_structure
    >>> plddt_columns(read_structure("examples/1bhl.pdb")).any().item()  # a crystal structure has B factors
    False
    """
    present = structure.present
    known = present[:, chemistry.CA]
    scale = plddt_scale(structure)
    if scale is None:
        return structure.b_factors.new_zeros(len(structure), COLUMNS)
    values = structure.b_factors * scale
    mean = (values * present).sum(1) / present.sum(1).clamp_min(1)
    least = torch.where(present, values, torch.inf).amin(1)
    columns = torch.stack([torch.ones_like(mean), values[:, chemistry.CA], mean, least], 1)
    return torch.where(known[:, None], columns, 0.0)


def plddt_scale(structure: Structure) -> float | None:
    """The factor that brings the B-factor column to a pLDDT of 0 to 1; None where it holds something else.

    Parameters
    ----------
    structure
        Any structure; that it is declared to be predicted counts unless its column cannot be pLDDT.
    """
    present = structure.present
    known = present[:, chemistry.CA]
    values = structure.b_factors[present]
    if not known.any() or float(values.min()) < 0 or float(values.max()) > 100 or float(values.max()) == 0:
        return None
    scale = 1.0 if float(values.max()) <= 1 else 0.01
    if structure.predicted:
        return scale
    mean = 100 * scale * float(values.mean())
    fractions = scale == 1.0  # errors in Å may be as small
    least = HIGH if fractions else LOW
    if mean < least or float(values.min()) == float(values.max()) or int(known.sum()) < FEW:
        return None
    required = CLEAR
    if mean >= HIGH and not fractions:
        required = OPPOSED if _one_value_a_residue(structure.b_factors, present) else AGREES
    return scale if _agreement(structure, known) > required else None


def _one_value_a_residue(values: Float[Tensor, "n 37"], present: Bool[Tensor, "n 37"]) -> bool:
    """Whether all atoms of each residue have the same value."""
    low = torch.where(present, values, torch.inf).amin(1)
    high = torch.where(present, values, -torch.inf).amax(1)
    return bool((low >= high).all())


def _agreement(structure: Structure, known: Bool[Tensor, "n"]) -> float:
    """Correlation of the column at CA with the number of residues around; 0 where one of them does not vary."""
    ca = structure.ca[known].double().numpy()
    around = kd_tree(ca).query_ball_point(ca, CONTACT_RADIUS, return_length=True)
    pair = torch.stack([structure.b_factors[known, chemistry.CA].double(), torch.as_tensor(around).double()])
    return float(torch.corrcoef(pair)[0, 1].nan_to_num(0.0))
