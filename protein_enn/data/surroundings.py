"""What is near a chain in its file: residues of other protein chains, and atoms that belong to no residue."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.chain import Chain, observed_atoms
from protein_enn.graph.context import context_of
from protein_enn.kd_tree import kd_tree
from protein_enn.structure import Structure

PARTNER_RADIUS = 6.0
"""Å between heavy atoms within which a residue of another chain is a partner."""
PARTNER_CA_RADIUS = 12.0
"""Å between CA atoms within which it is one too: the range of the residue graphs of the chain."""
PARTNER_RESIDUES = 200
KEPT_RADIUS = 8.0
"""Å from a backbone atom or CB of any residue within which an atom is kept; a graph takes those up to
`graph.context.CONTEXT_RADIUS` from a CA."""
KEPT_ATOMS = 600


def with_surroundings(whole: Structure, chain_id: str) -> Chain:
    """One chain of a structure with its partners and its context; the nearest of either where there are too many.

    ValueError if there is no such chain or no residue of it has a CA.
    """
    chain = whole.chain(chain_id)
    observed = observed_atoms(whole)
    own = torch.tensor([name == chain_id for name in whole.chain_ids])[whole.chains]
    other = (~own & observed[:, chemistry.CA]).nonzero()[:, 0]
    partners = None
    if len(other):
        residue, slot = observed[other].nonzero(as_tuple=True)
        own_atoms = whole.positions[own][observed[own]]
        distances = _distances(whole.positions[other][residue, slot], own_atoms, PARTNER_RADIUS)
        nearest = _distances(whole.ca[other], whole.ca[own & observed[:, chemistry.CA]], PARTNER_CA_RADIUS)
        nearest.scatter_reduce_(0, residue, distances, "amin")
        partners = whole.take(other[_nearest(nearest, PARTNER_RESIDUES)])
    positions, kinds = context_of(whole)
    if len(positions):
        frame = [*chemistry.BACKBONE, chemistry.CB]
        frame_atoms = whole.positions[own][:, frame][observed[own][:, frame]]
        rows = _nearest(_distances(positions, frame_atoms, KEPT_RADIUS), KEPT_ATOMS)
        positions, kinds = positions[rows], kinds[rows]
    return Chain.of(chain, partners=partners, context=(positions, kinds))


def _distances(points: Float[Tensor, "m 3"], atoms: Float[Tensor, "a 3"], radius: float) -> Float[Tensor, "m"]:
    """Å from each point to the nearest atom; infinite beyond the radius."""
    tree = kd_tree(atoms.numpy(), balanced_tree=False, compact_nodes=False)
    return torch.from_numpy(tree.query(points.numpy(), distance_upper_bound=radius)[0])


def _nearest(distances: Float[Tensor, "m"], most: int) -> Int[Tensor, "r"]:
    """Rows of the finite distances, of the `most` smallest at most, in order."""
    chosen = distances.argsort(stable=True)[:most]
    return chosen[distances[chosen].isfinite()].sort().values
