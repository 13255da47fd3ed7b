"""Features of residues with all heavy atoms: distances within each residue, and its atoms as vectors."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from protein_enn import chemistry
from protein_enn.graph.features import EDGE_TYPES, Backbone
from protein_enn.graph.fields import Widths

_FIRST, _SECOND = torch.triu_indices(chemistry.ATOM14_WIDTH, chemistry.ATOM14_WIDTH, 1)
_SHAPE = len(_FIRST) + 2 * 3
"""Distances between the atoms of a residue, and from N, CA, C to the next N and the previous C."""
SIDE_CHAIN = chemistry.ATOM14_WIDTH - 4
ALL_ATOM_WIDTHS = Widths(
    scalars=8 + len(chemistry.RESIDUES) + SIDE_CHAIN + _SHAPE,
    pseudoscalars=3,
    vectors=9 + SIDE_CHAIN - 1,
    edge_types=EDGE_TYPES,
    frame=5,
)


def all_atom_features(
    atom14: Float[Tensor, "n 14 3"], mask: Bool[Tensor, "n 14"], residues: Int[Tensor, "n"], backbone: Backbone
) -> tuple[Float[Tensor, "n s"], Float[Tensor, "n v 3"]]:
    """Scalars and vectors of `ALL_ATOM_WIDTHS`; features of missing atoms are zero.

    Scalars: those of the backbone, type, presence of side-chain atoms, distances inside the residue and across its
    peptide bonds (Å). Vectors from CA: N, C, O, CB, the mean of the atoms beyond CB (edges use distances between these
    five points); next and previous CA, next N, previous C; the atoms beyond CB.

    Parameters
    ----------
    atom14
        Atoms in atom14, Å.
    mask
        Which atoms are present.
    residues
        Index into `chemistry.RESIDUES`.
    backbone
        Features of the backbone.

    Returns
    -------
    scalars
        Even scalars.
    vectors
        Å.
    """
    kind = one_hot(residues, len(chemistry.RESIDUES)).to(atom14.dtype)
    atoms = (atom14 - atom14[:, 1:2]) * mask[..., None]
    beyond, count = atoms[:, 5:], mask[:, 5:].sum(1)
    tip = beyond.sum(1) / count.clamp_min(1)[:, None]
    n, c, o, *bonds = backbone.vectors.unbind(1)
    vectors = torch.cat([torch.stack([n, c, o, atoms[:, 4], tip, *bonds], 1), backbone.junctions, beyond], 1)
    both_present = mask[:, _FIRST] & mask[:, _SECOND]
    inside = _length(atom14[:, _FIRST] - atom14[:, _SECOND]) * both_present
    defined = (backbone.junctions != 0).any(-1)[:, :, None] & mask[:, None, :3]
    across = _length(backbone.junctions[:, :, None] - atoms[:, None, :3]) * defined
    scalars = torch.cat([backbone.scalars, kind, mask[:, 4:].to(atom14.dtype), inside, across.flatten(1)], 1)
    return scalars, vectors


def _length(vectors: Float[Tensor, "*n 3"]) -> Float[Tensor, "*n"]:
    """Lengths, with a finite gradient where points coincide."""
    return (vectors.square().sum(-1) + 1e-8).sqrt()
