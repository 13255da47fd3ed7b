"""Which copy of a chain in a model stands for which copy in the native.

Every pair of chains that may be joined is tried as an anchor: the model is superposed by that pair, the other chains
join the free copy that they come to lie on, and the assignment with the least CA RMSD over all chains is taken (ties:
the first). Right wherever the model's arrangement resembles the native's; k copies cost k^2 trials.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry
from protein_enn.geometry.superposition import moved, rmsd, superpose
from protein_enn.structure import Structure

ALIKE = 0.9
"""Chains are copies if they have this fraction of the equal residues of the pair that was joined by sequence."""
MOST_CHAINS = 24
"""With more chains the assignment by sequence alone is kept: it would take too long."""

Pairs = Mapping[tuple[int, int], tuple[Int[Tensor, "m"], Int[Tensor, "m"]]]


def best_copies(model: Structure, native: Structure, pairs: Pairs, joined: dict[int, int]) -> dict[int, int]:
    """Model chain -> native chain, as good by sequence as `joined` and better by position.

    `pairs`: for each pair of chains the rows of the model and of the native that are the same residue.
    """
    least = {a: ALIKE * len(pairs[a, b][0]) for a, b in joined.items()}
    allowed = {pair for pair, (i, _) in pairs.items() if pair[0] in joined and len(i) and len(i) >= least[pair[0]]}
    if len(allowed) == len(joined) or len(joined) > MOST_CHAINS:
        return joined
    best, error = joined, _error(model, native, pairs, joined)
    for anchor in sorted(allowed):
        found = _around(model, native, pairs, anchor, allowed)
        if len(found) == len(joined) and (new := _error(model, native, pairs, found)) < error - 1e-6:
            best, error = found, new
    return best


def _around(
    model: Structure, native: Structure, pairs: Pairs, anchor: tuple[int, int], allowed: set[tuple[int, int]]
) -> dict[int, int]:
    """The assignment that follows from superposing one pair of chains: nearest copies first."""
    x, y = _traces(model, native, *pairs[anchor])
    if len(x) < 3:
        return {}
    rotation, shift = superpose(x, y)
    distance = {}
    for pair in sorted(allowed):
        x, y = _traces(model, native, *pairs[pair])
        distance[pair] = float((moved(x, rotation, shift).mean(0) - y.mean(0)).norm()) if len(x) else float("inf")
    distance[anchor] = -1.0
    found: dict[int, int] = {}
    for a, b in sorted(distance, key=lambda pair: distance[pair]):
        if a not in found and b not in found.values():
            found[a] = b
    return found


def _error(model: Structure, native: Structure, pairs: Pairs, joined: dict[int, int]) -> float:
    """CA RMSD over all joined chains, Å."""
    traces = [_traces(model, native, *pairs[pair]) for pair in joined.items()]
    x, y = torch.cat([x for x, _ in traces]), torch.cat([y for _, y in traces])
    return rmsd(x, y) if len(x) >= 3 else float("inf")


def _traces(
    model: Structure, native: Structure, i: Int[Tensor, "m"], j: Int[Tensor, "m"]
) -> tuple[Float[Tensor, "a 3"], Float[Tensor, "a 3"]]:
    """CA atoms that both have."""
    both: Bool[Tensor, "m"] = model.present[i, chemistry.CA] & native.present[j, chemistry.CA]
    return model.ca[i][both].double(), native.ca[j][both].double()
