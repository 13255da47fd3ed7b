"""Label numbers for files without `label_seq_id`: the order of the residues in their chain."""

from __future__ import annotations

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
    author = structure.numbers.diff()
    steps = torch.where(bonded_to_next(structure), 1, author.clamp(min=1))
    total = torch.cat([torch.zeros(1, dtype=torch.long), steps.cumsum(0)])
    first = torch.cat([torch.ones(1, dtype=torch.bool), structure.chains.diff() != 0])
    chain = first.cumsum(0) - 1
    return total - total[first][chain] + structure.numbers[first][chain]
