"""Label numbers for files without `label_seq_id`: the order of the residues in their chain."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from protein_enn.io.checks.gaps import bonded_to_next
from protein_enn.structure import Structure


def numbers_in_order(structure: Structure) -> Int[Tensor, "n"]:
    """Numbers that count the residues of each chain from the author number of its first.

    The next residue has the next number, whatever insertion codes or jumps the author numbers have. Numbers are left
    out only where the author numbers leave some out and the residues are not bonded (`bonded_to_next`).
    """
    if not len(structure):
        return structure.numbers
    numbers, chains = structure.numbers.numpy(), structure.chains.numpy()
    steps = np.where(bonded_to_next(structure), 1, np.maximum(np.diff(numbers), 1))
    total = np.concatenate(([0], np.cumsum(steps)))
    first = np.concatenate(([True], chains[1:] != chains[:-1]))
    starts = np.flatnonzero(first)
    offset = numbers[starts] - total[starts]
    return torch.from_numpy(total + np.repeat(offset, np.diff(starts, append=len(numbers))))
