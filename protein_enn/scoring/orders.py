"""In which orders residues are decoded: drawn so that nothing but the protein and the seed decides.

A residue draws its key by its place in its chain, from a stream of random numbers that belongs to the seed and to the
number of residues in the chain. So neither chain names, nor numbering, nor the order of chains in the file, nor what
else is there can change a chain's own order, and chains of different lengths are shuffled into each other at random.
Copies of a chain draw the same keys: equal places are decoded one right after the other, in an order of the copies
that their contacts with other chains decide. In a C2 dimer either order is the same by symmetry. In exact assemblies
of three or more copies no property tells one copy from the next, and the file decides between orders that differ only
in which of several equal places comes first.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

CONTACT = 10.0
"""Å: how fast a contact between chains fades with the distance of two CA."""


def decoding_ranks(
    chains: Int[Tensor, "g"], ca: Float[Tensor, "g 3"], orders: int, seed: int
) -> list[Int[Tensor, "g"]]:
    """The rank of every node in each decoding order: random ones, each followed by its reverse.

    `chains` names the chain of each node by any number, `ca` are positions in Å. Drawn on the CPU from `seed`.
    """
    members = [(chains == chain).nonzero()[:, 0] for chain in chains.unique().tolist()]
    members = sorted(members, key=len)
    if any(len(one) == len(next_one) for one, next_one in pairwise(members)):
        ca = ca.double() - ca.double().mean(0)
        members = sorted(members, key=lambda nodes: (len(nodes), _contacts(ca, nodes)))
    pairs = (orders + 1) // 2
    keys = torch.cat([_keys(len(nodes), pairs, seed) for nodes in members], 1)
    nodes = torch.cat(members)
    ranks: list[Tensor] = []
    for key in keys:
        rank = torch.empty_like(nodes)
        rank[nodes[key.argsort(stable=True)]] = torch.arange(len(nodes))
        ranks += [rank, len(nodes) - 1 - rank]
    return ranks[:orders]


def _keys(length: int, pairs: int, seed: int) -> Float[Tensor, "p l"]:
    """The random numbers of a chain of this length."""
    digest = hashlib.sha256(f"{seed} {length}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.rand(pairs, length, generator=generator, dtype=torch.float64)


def _contacts(ca: Float[Tensor, "g 3"], nodes: Int[Tensor, "l"]) -> float:
    """Sum over residue pairs with other chains of exp(-(d / CONTACT)^2), weighted by the place in this chain."""
    own, reach = ca[nodes], 5 * CONTACT
    other = ((ca > own.amin(0) - reach) & (ca < own.amax(0) + reach)).all(1)  # what is farther adds nothing
    other[nodes] = False
    d = torch.cdist(own, ca[other], compute_mode="donot_use_mm_for_euclid_dist")
    return float((torch.exp(-((d / CONTACT) ** 2)).sum(1) * torch.arange(1, len(nodes) + 1)).sum())
