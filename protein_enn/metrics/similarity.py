"""How alike two structures with a known correspondence are after superposition: TM-score and GDT.

Both are the best value over superpositions. The search follows the TM-score program (Zhang & Skolnick (2004)
Proteins 57:702): start from fragments of the chain, superpose, keep the pairs within a cutoff, superpose on those,
and repeat. It is a heuristic: the value found is a lower bound, in practice tight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.geometry.superposition import moved, superpose

ROUNDS = 20
SHORTEST_FRAGMENT = 4
STARTS = 48
"""Fragments of one length that are tried, evenly spaced along the chain."""
TS_CUTOFFS = (1.0, 2.0, 4.0, 8.0)
HA_CUTOFFS = (0.5, 1.0, 2.0, 4.0)

Value = Callable[[Float[Tensor, "s n"]], Float[Tensor, "s"]]


def tm_scale(length: int) -> float:
    """d0 of a protein of this length, Å: 1.24 (L - 15)^(1/3) - 1.8, at least 0.5."""
    return max(1.24 * max(length - 15, 0) ** (1 / 3) - 1.8, 0.5)


@torch.no_grad()
def tm_score(model: Float[Tensor, "n 3"], native: Float[Tensor, "n 3"], length: int | None = None) -> float:
    """TM-score (0 to 1) of matched CA atoms, normalized by `length`, the residues of the native (n if None)."""
    length = len(native) if length is None else length
    scale = tm_scale(length)

    def value(distances: Tensor) -> Tensor:
        return (1 / (1 + (distances / scale).square())).sum(-1) / length

    return _best(model, native, min(max(scale, 4.5), 8.0), value)


@torch.no_grad()
def gdt(model: Float[Tensor, "n 3"], native: Float[Tensor, "n 3"], length: int | None = None) -> tuple[float, float]:
    """(GDT_TS, GDT_HA), 0 to 1: fraction of CA atoms within 1, 2, 4, 8 (0.5, 1, 2, 4) Å, averaged over the cutoffs.

    Each cutoff has its own best superposition (Zemla (2003) Nucleic Acids Res. 31:3370). `length` as for tm_score.
    """
    length = len(native) if length is None else length

    def fraction(cutoff: float) -> float:
        def value(distances: Tensor) -> Tensor:
            return (distances <= cutoff).sum(-1).double() / length

        return _best(model, native, cutoff, value)

    within = {cutoff: fraction(cutoff) for cutoff in sorted({*TS_CUTOFFS, *HA_CUTOFFS})}
    ts, ha = (sum(within[c] for c in cutoffs) / len(cutoffs) for cutoffs in (TS_CUTOFFS, HA_CUTOFFS))
    return ts, ha


def _fragments(n: int) -> Iterator[Float[Tensor, "s n"]]:
    """0/1 weights of the fragments to start from, one batch for each length n, n/2, n/4, ... 4."""
    length = n
    while True:
        count = min(n - length + 1, STARTS)
        starts = torch.linspace(0, n - length, count).round()[:, None]
        place = torch.arange(n)
        yield ((place >= starts) & (place < starts + length)).double()
        if length <= SHORTEST_FRAGMENT:
            return
        length = max(length // 2, SHORTEST_FRAGMENT)


def _best(model: Tensor, native: Tensor, cutoff: float, value: Value) -> float:
    """The largest value found in the iterations from all fragments."""
    if len(model) < 3:
        raise ValueError(f"a superposition needs three matched atoms or more, not {len(model)}")
    model, native = model.double().cpu(), native.double().cpu()
    best = 0.0
    for weights in _fragments(len(model)):
        for _ in range(ROUNDS):
            x, y = model.expand(len(weights), -1, -1), native.expand(len(weights), -1, -1)
            distances = torch.linalg.vector_norm(moved(x, *superpose(x, y, weights)) - y, dim=-1)
            best = max(best, float(value(distances).max()))
            least = distances.kthvalue(3, dim=-1, keepdim=True).values  # three pairs fix a superposition
            chosen = (distances <= torch.clamp(least, min=cutoff)).double()
            going = (chosen != weights).any(-1)
            if not going.any():
                break
            weights = chosen[going]
    return best
