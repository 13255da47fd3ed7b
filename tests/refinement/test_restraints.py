"""Restraints hold what they should hold, leave alone what they should, and change nothing that is right."""

from __future__ import annotations

from dataclasses import replace

import torch

from protein_enn import chemistry
from protein_enn.chemistry import CA, C, N
from protein_enn.refinement.restraints import restraints
from protein_enn.structure import Structure


def distances(positions: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    flat = positions.reshape(-1, 3)
    return (flat[pairs[:, 0]] - flat[pairs[:, 1]]).norm(dim=-1)


def test_noise_on_bonds_is_undone(helix: Structure) -> None:
    nobody = torch.zeros(20, dtype=torch.bool)
    hold = restraints(helix, free=nobody)
    noise = 0.2 * torch.randn(helix.positions.shape, generator=torch.Generator().manual_seed(0))
    noisy = helix.with_positions(helix.positions + noise).positions
    assert (distances(noisy, hold.pairs) - hold.lengths).abs().max() > 0.2
    mended = hold.project(noisy, ~nobody)
    assert (distances(mended, hold.pairs) - hold.lengths).abs().max() < 0.01
    assert (mended - noisy).norm(dim=-1).max() < 1.0


def test_bonds_and_angles_within_and_between_residues_are_held(helix: Structure) -> None:
    hold = restraints(helix, free=torch.zeros(20, dtype=torch.bool))
    held = {tuple(pair) for pair in hold.pairs.tolist()}
    for pair in ((N, CA), (N, C), (CA, 37 + CA), (C, 37 + N)):
        assert pair in held or pair[::-1] in held
    assert (N, 37 + N) not in held  # psi turns freely


def test_residues_that_do_not_move_pull_on_those_that_do(helix: Structure) -> None:
    hold = restraints(helix, free=torch.zeros(20, dtype=torch.bool))
    movable = torch.arange(20) >= 10
    shifted = helix.with_positions(helix.positions + movable[:, None, None] * torch.tensor([0.0, 0.0, 0.4])).positions
    result = hold.project(shifted, movable)
    assert torch.equal(result[~movable], helix.positions[~movable])
    assert (distances(result, hold.pairs) - hold.lengths).abs().max() < 0.005


def test_sound_positions_and_free_residues_are_left_alone(helix: Structure) -> None:
    everybody = torch.ones(20, dtype=torch.bool)
    hold = restraints(helix, free=~everybody)
    torch.testing.assert_close(hold.project(helix.positions, everybody), helix.positions, atol=2e-3, rtol=0)
    assert len(restraints(helix, free=everybody).pairs) == 0


def test_a_gap_in_the_chain_and_missing_atoms_make_no_restraint(helix: Structure) -> None:
    positions, present = helix.positions.clone(), helix.present.clone()
    positions[10:] += 15.0
    present[3, CA] = False
    broken = replace(helix, positions=positions * present[..., None], present=present)
    pairs = restraints(broken, free=torch.zeros(20, dtype=torch.bool)).pairs
    rows = pairs // len(chemistry.ATOMS)
    assert not ((rows == 9).any(1) & (rows == 10).any(1)).any()
    assert not (pairs == 3 * len(chemistry.ATOMS) + CA).any()
