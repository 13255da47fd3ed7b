"""What is around a chain in its file: residues of other protein chains, and atoms that are no residues."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from scipy.spatial import cKDTree
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.chain import Chain, observed
from protein_enn.graph.context import context_of
from protein_enn.structure import Structure

PARTNER_RADIUS = 6.0
"""Å between heavy atoms within which a residue of another chain is a partner."""
PARTNER_CA_RADIUS = 12.0
"""Å between CA atoms within which it is one too: what the residue graphs of the chain reach."""
PARTNER_RESIDUES = 200
KEPT_RADIUS = 8.0
"""Å from a backbone atom or CB of any residue within which an atom is kept; residues then see up to
`graph.context.CONTEXT_RADIUS` from their CA."""
KEPT_ATOMS = 600


def with_surroundings(whole: Structure, chain_id: str) -> Chain:
    """One chain of a structure with its partners and its context, of each the nearest where there are too many.

    ValueError if there is no such chain or no residue of it has a CA.
    """
    chain = whole.chain(chain_id)
    seen = observed(whole)
    own = torch.tensor([name == chain_id for name in whole.chain_ids])[whole.chains]
    others = (~own & seen[:, chemistry.CA]).nonzero()[:, 0]
    partners = None
    if len(others):
        residue, slot = seen[others].nonzero(as_tuple=True)
        distances = _distances(whole.positions[others][residue, slot], whole.positions[own][seen[own]], PARTNER_RADIUS)
        nearest = _distances(whole.ca[others], whole.ca[own & seen[:, chemistry.CA]], PARTNER_CA_RADIUS)
        nearest.scatter_reduce_(0, residue, distances, "amin")
        partners = whole.take(others[_nearest(nearest, PARTNER_RESIDUES)])
    positions, kinds = context_of(whole)
    if len(positions):
        frame = [*chemistry.BACKBONE, chemistry.CB]
        places = whole.positions[own][:, frame][seen[own][:, frame]]
        rows = _nearest(_distances(positions, places, KEPT_RADIUS), KEPT_ATOMS)
        positions, kinds = positions[rows], kinds[rows]
    return Chain.of(chain, partners=partners, context=(positions, kinds))


def _distances(points: Float[Tensor, "m 3"], atoms: Float[Tensor, "a 3"], radius: float) -> Float[Tensor, "m"]:
    """Å from each point to the nearest atom; infinite beyond the radius."""
    tree = cKDTree(atoms.numpy(), balanced_tree=False, compact_nodes=False)
    return torch.from_numpy(tree.query(points.numpy(), distance_upper_bound=radius)[0])


def _nearest(distances: Float[Tensor, "m"], most: int) -> Int[Tensor, "r"]:
    """Where a distance is finite, of more than `most` places those of the smallest; in order of place."""
    chosen = distances.argsort(stable=True)[:most]
    return chosen[distances[chosen].isfinite()].sort().values
