"""Replaced segments: the rest stays, what is replaced has the local geometry of another chain."""

from __future__ import annotations

import torch

from protein_enn import read_structure
from protein_enn.training.decoys.rebuilding import rebuild_loops, swap_segments
from protein_enn.training.decoys.recipes import atoms_of


def chain():
    structure = read_structure("examples/1bhl.pdb")
    return atoms_of(structure.take(structure.present[:, 1] & structure.has_backbone))


def test_rebuilt_loops_keep_most_of_the_chain_and_bond_lengths():
    target = chain()
    moved = rebuild_loops(target, target, torch.Generator().manual_seed(2))
    away = (moved - target.atom14).norm(dim=-1).amax(1)
    changed = away > 1e-4
    assert 0 < changed.float().mean() < 0.7
    rows = changed.nonzero()[:, 0]
    within = (moved[rows, 1] - moved[rows, 0]).norm(dim=-1)
    assert (within - 1.46).abs().max() < 0.1, "N-CA of the fragment are those of a real chain"


def test_swapped_segments_stand_where_the_relative_has_them():
    target = chain()
    bent = target.atom14 + 3 * torch.sin(torch.arange(len(target.residues)) / 7)[:, None, None]
    swapped = swap_segments(target, bent, torch.Generator().manual_seed(1))
    away = (swapped - target.atom14).norm(dim=-1).amax(1)
    assert (away < 1e-5).any() and (away > 0.3).any()
    same = swap_segments(target, target.atom14, torch.Generator().manual_seed(1))
    assert ((same - target.atom14).norm(dim=-1) * target.mask).max() < 1e-3
