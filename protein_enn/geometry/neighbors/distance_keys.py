"""Distance and index of a neighbor in one integer, so that one sort orders by both.

The upper bits hold the squared distance (float64, whose bits sort like integers), rounded to its leading bits. The
lower bits hold the index: key = round(d^2) | index. Distances that are equal after rounding are a tie, and the lower
index comes first. Every search (`all_pairs`, `tree`, `cell_list`) uses these keys, so that all give the same result.
"""

from __future__ import annotations

import torch
from torch import Tensor

LAST = 2**63 - 1
"""The key of a point that is not a neighbor."""
TIE_BITS = 16
"""Bits of a squared distance, of 52, that are rounded away: distances equal to 10.8 digits are a tie."""
SLACK = 1e-14
"""More than the relative rounding error of any of the ways in which squared distances are computed here."""


def index_bits(n: int) -> int:
    """The mask of the index in a key, for n points. More than 65,535 points take bits from the distance: with a million
    points 9.6 digits remain."""
    return (1 << max(TIE_BITS, n.bit_length())) - 1


def rounded(square: Tensor, low: int) -> Tensor:
    """Squared distances (contiguous float64, overwritten) as keys without an index.

    They are rounded, not truncated: the squares of a lattice are integers, and truncation would separate them from
    squares that are smaller by one bit.
    """
    return square.view(torch.int64).add_((low + 1) >> 1).bitwise_and_(~low)


def distance_keys(square: Tensor, index: Tensor, low: int) -> Tensor:
    """Keys of squared distances (contiguous float64, overwritten) to the points of this index."""
    return rounded(square, low).bitwise_or_(index)


def nearer_than(keys: Tensor, square: Tensor, low: int) -> Tensor:
    """Whether keys are certainly below those of any point at this squared distance or beyond, ties included."""
    return (keys & ~low) < rounded((square * (1 - SLACK)).contiguous(), low)
