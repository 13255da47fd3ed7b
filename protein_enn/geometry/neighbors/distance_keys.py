"""Distance and index of a neighbor in one integer, so that one sort orders by both.

The upper bits hold the squared distance (float64, whose bits order as integers do) rounded to its leading bits, the
lower ones the index: key = round(d^2) | index. What rounding makes equal is a tie, and the lower index comes first.
Every search (`all_pairs`, `tree`, `cell_list`) makes these keys, so that all of them give the same answer.
"""

from __future__ import annotations

import torch
from torch import Tensor

LAST = 2**63 - 1
"""The key of what is no neighbor."""
TIE_BITS = 16
"""Of the 52 bits of a squared distance those that do not count: equal to 10.8 digits is a tie."""
SLACK = 1e-14
"""More than rounding errs, relative, in any of the ways in which squared distances are computed here."""


def index_bits(n: int) -> int:
    """The mask of a key's index among n points. More than 65,535 of them take bits from the distance: of a million,
    9.6 digits are left."""
    return (1 << max(TIE_BITS, n.bit_length())) - 1


def rounded(square: Tensor, low: int) -> Tensor:
    """Squared distances (contiguous float64, overwritten) as keys without an index.

    Rounded, not cut: lattices have whole numbers as squares, and a cut would part them from those a bit below.
    """
    return square.view(torch.int64).add_((low + 1) >> 1).bitwise_and_(~low)


def distance_keys(square: Tensor, index: Tensor, low: int) -> Tensor:
    """Keys of squared distances (contiguous float64, overwritten) to the points of this index."""
    return rounded(square, low).bitwise_or_(index)


def nearer_than(keys: Tensor, square: Tensor, low: int) -> Tensor:
    """Whether keys lie surely below those of anything at this squared distance or beyond, ties included."""
    return (keys & ~low) < rounded((square * (1 - SLACK)).contiguous(), low)
