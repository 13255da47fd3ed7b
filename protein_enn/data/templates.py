"""Models of a chain on a relative of its cluster: errors like those of real models, in any number.

The backbone is that of the relative, where an alignment pairs them. Side chains of equal residues are copied, others
are built at the chi angles of the relative as far as it has them.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from protein_enn import chemistry
from protein_enn.geometry.atom14 import from_atom14, to_atom14
from protein_enn.geometry.side_chains import complete_side_chains, known_chi
from protein_enn.metrics.alignment import align_relatives
from protein_enn.structure import Structure


def template_model(native: Structure, template: Structure) -> tuple[Structure, Structure]:
    """A model of (part of) a chain on the backbone of another chain, and that part of the native.

    ValueError if too few residues correspond (`metrics.alignment`).
    """
    i, j = align_relatives(native, template)
    native, template = native.take(i), template.take(j)
    residues = native.residues
    atom14, mask = to_atom14(template.positions, template.present, template.residues)
    chi = known_chi(atom14, template.residues, mask).nan_to_num(torch.pi)
    same = residues == template.residues
    kept = mask & (same[:, None] | (torch.arange(chemistry.ATOM14_WIDTH) < 4))
    built = complete_side_chains(atom14, kept, residues, chi)
    positions = from_atom14(built, residues, torch.zeros_like(native.positions))
    whole = torch.tensor([[slot in row for slot in range(37)] for row in map(set, chemistry.ATOM14)])[residues]
    return replace(native, positions=positions * whole[..., None], present=whole), native
