"""Perturbed natives: seeded, of the requested size, and of the kind in the name."""

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data import Chain
from protein_enn.data.batches import seeded_generator
from protein_enn.geometry.atom14 import from_atom14
from protein_enn.geometry.dihedrals import chi_angles
from protein_enn.testing import random_structure
from protein_enn.training.tasks import deformation
from protein_enn.training.tasks.noising import move_residues, perturb, rotate_side_chains

STRUCTURE = random_structure((60, 20), seed=7)
CHAIN = Chain.of(STRUCTURE)
X, MASK = CHAIN.atom14, CHAIN.mask


def inner_distances(x):
    return (x[:, :4, None] - x[:, None, :4]).norm(dim=-1)


def test_perturbations_are_seeded_and_keep_absent_atoms_absent():
    for seed in range(30):
        first, mask = perturb(X, MASK, CHAIN.residues, CHAIN.chains, seeded_generator(seed))
        again, _ = perturb(X, MASK, CHAIN.residues, CHAIN.chains, seeded_generator(seed))
        assert torch.equal(first, again) and first.isfinite().all()
        assert (first[~mask] == 0).all() and not (mask & ~MASK).any() and mask[:, 1].all()


def test_some_natives_are_not_perturbed():
    same = [
        torch.equal(perturb(X, MASK, CHAIN.residues, CHAIN.chains, seeded_generator("u", i))[0], X) for i in range(300)
    ]
    assert 0.03 < sum(same) / 300 < 0.15


def test_rotated_side_chains_keep_bonds_and_backbone_and_change_chi():
    rotated = rotate_side_chains(X, CHAIN.residues, 1.0, seeded_generator(5))
    assert torch.equal(rotated[:, :5], X[:, :5])
    for row in range(len(X)):
        atoms = chemistry.RESIDUE_ATOMS[chemistry.RESIDUES[CHAIN.residues[row]]]
        for a, b in chemistry.SIDE_CHAIN_BONDS[chemistry.RESIDUES[CHAIN.residues[row]]]:
            i, j = atoms.index(a), atoms.index(b)
            if MASK[row, i] and MASK[row, j]:
                before, after = ((y[row, i] - y[row, j]).norm() for y in (X, rotated))
                torch.testing.assert_close(before, after, atol=2e-3, rtol=0)
    proline = CHAIN.residues == chemistry.RESIDUE_INDEX["PRO"]
    assert torch.equal(rotated[proline], X[proline])
    empty = torch.zeros_like(STRUCTURE.positions)
    chi, old = (
        chi_angles(from_atom14(x, CHAIN.residues, empty), STRUCTURE.present, CHAIN.residues) for x in (rotated, X)
    )
    defined = ~old.isnan() & ~proline[:, None]
    assert ((chi - old)[defined].abs() > 1e-3).float().mean() > 0.95


@pytest.mark.parametrize(
    "change",
    [
        lambda x, g: deformation.hinge(x, g),
        lambda x, g: deformation.wave(x, 1.0, g),
        lambda x, g: deformation.drift(x, 1.0, g),
        lambda x, g: deformation.crankshafts(x, CHAIN.chains, g),
        lambda x, g: move_residues(x, 0.3, 0.2, g),
        lambda x, g: deformation.bulge_loops(x, CHAIN.chains, g),
    ],
)
def test_deformations_move_residues_as_bodies(change):
    moved = [change(X, seeded_generator("body", i)) for i in range(5)]
    assert any((m - X).abs().max() > 0.05 for m in moved)
    for m in moved:
        torch.testing.assert_close(inner_distances(m), inner_distances(X), atol=5e-3, rtol=0)


def test_waves_and_drifts_are_as_large_as_asked_for_and_smooth():
    for field in (deformation.wave, deformation.drift):
        moves = torch.stack([(field(X, 1.5, seeded_generator("w", i)) - X)[:60, 1] for i in range(60)])
        assert float(moves.square().sum(-1).mean().sqrt()) == pytest.approx(1.5, rel=0.25)
        steps = moves.diff(dim=1).square().sum(-1).mean().sqrt()
        assert float(steps) < 1.2


def test_segments_stay_inside_a_chain_and_leave_the_rest():
    moved = [deformation.move_segments(X, CHAIN.chains, seeded_generator("s", seed)) for seed in range(20)]
    still = torch.stack([(m - X).abs().amax((1, 2)) == 0 for m in moved]).float().mean()
    assert 0.3 < still < 0.95
    stretches = [
        s for i in range(50) for s in deformation._stretches(CHAIN.chains, 6, 40, 1.0, seeded_generator("t", i))
    ]
    assert all(CHAIN.chains[a] == CHAIN.chains[b - 1] for a, b in stretches)


def test_shifted_threading_puts_backbones_where_those_of_others_were():
    x, mask = deformation.shift_threading(X, MASK, CHAIN.chains, seeded_generator(1))
    shifts = [s for s in range(-4, 5) if s and torch.equal(x[10:50, :4], X[10 + s : 50 + s, :4])]
    assert len(shifts) == 1
    own = (x[:, 4] - x[:, 1]).norm(dim=-1)[MASK[:, 4]]
    torch.testing.assert_close(own, (X[:, 4] - X[:, 1]).norm(dim=-1)[MASK[:, 4]], atol=2e-3, rtol=0)
    assert mask[:, 1].all()
