"""Projection gives sound geometry near the proposal, leaves alone what is sound, and keeps what must stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from protein_enn.chemistry import CA, CB, C, N
from protein_enn.metrics import stereochemistry
from protein_enn.refinement.idealize.gauss_newton import Band, _normal_step, _System, solve
from protein_enn.refinement.idealize.projection import project
from protein_enn.refinement.idealize.residuals import ONSET, Quads, Terms, one_sided
from protein_enn.refinement.idealize.restraints import covalent
from protein_enn.structure import HeteroAtoms, Structure

ALL = torch.ones(20, 37)


def noisy(structure: Structure, scale: float, seed: int = 0) -> Structure:
    noise = scale * torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(seed))
    return structure.with_positions(structure.positions + noise.to(structure.positions.dtype))


@pytest.mark.parametrize("scale", [0.1, 0.3, 0.5])
def test_noise_is_idealized(helix: Structure, scale: float) -> None:
    blurred = noisy(helix, scale)
    idealized = helix.with_positions(project(blurred, blurred.positions, ALL))
    summary = stereochemistry(idealized).summary()
    wrong = {
        key: value for key, value in summary.items() if "outliers" in key or key in ("clashes", "chirality_errors")
    }
    assert not any(wrong.values()), wrong
    error = [(s.positions - helix.positions)[helix.present].square().mean() for s in (blurred, idealized)]
    assert error[1] < 0.75 * error[0]


def test_what_is_sound_is_left_alone(helix: Structure) -> None:
    torch.testing.assert_close(project(helix, helix.positions, ALL), helix.positions, atol=2e-3, rtol=0)


def test_sound_lengths_of_the_input_are_kept(helix: Structure) -> None:
    """A bond 2 standard deviations off ideal is natural: noise on the proposal ends there, not at the ideal."""
    shifted = helix.positions.clone()
    direction = shifted[:, CB] - shifted[:, CA]
    shifted[:, CB] += 0.04 * direction / direction.norm(dim=-1, keepdim=True)
    longer = helix.with_positions(shifted)
    assert not stereochemistry(longer).bond.any()
    result = project(longer, noisy(longer, 0.05).positions, ALL)
    length = (result[:, CB] - result[:, CA]).norm(dim=-1)
    torch.testing.assert_close(length, torch.full((20,), 1.56), atol=8e-3, rtol=0)


def test_atoms_without_mobility_stay_exactly(helix: Structure) -> None:
    blurred = noisy(helix, 0.3)
    mobility = ALL.clone()
    mobility[:8] = 0
    mobility[12, CA] = 0
    result = project(blurred, blurred.positions, mobility)
    assert torch.equal(result[mobility == 0], blurred.positions[mobility == 0])
    assert not torch.equal(result, blurred.positions)


def test_a_small_mobility_moves_less(helix: Structure) -> None:
    blurred = noisy(helix, 0.1)
    mobility = ALL.clone()
    mobility[:, [N, C]] = 0.01
    less, more = (project(blurred, blurred.positions, s) - blurred.positions for s in (mobility, ALL))
    assert less[:, [N, C]].norm() < 0.8 * more[:, [N, C]].norm()


def test_the_wrong_hand_is_idealized(helix: Structure) -> None:
    positions = helix.positions.clone()
    n, ca, c, cb = (positions[7, k].clone() for k in (N, CA, C, CB))
    normal = torch.linalg.cross(n - ca, c - ca)
    normal = normal / normal.norm()
    positions[7, CB] = cb - 2 * ((cb - ca) @ normal) * normal
    wrong = helix.with_positions(positions)
    assert stereochemistry(wrong).chirality[7]
    assert not stereochemistry(helix.with_positions(project(wrong, positions, ALL))).chirality.any()


def test_clashing_chains_are_pushed_apart(helix: Structure) -> None:
    """Two helices whose sides touch too closely; nothing else is disturbed."""
    pair = pair_of_helices(helix, 9.0)
    before = stereochemistry(pair)
    assert before.clashes >= 3
    after = stereochemistry(pair.with_positions(project(pair, pair.positions, torch.ones(40, 37))))
    assert (after.clashes, after.bond_outliers, after.angle_outliers) == (0, 0, 0)


def pair_of_helices(helix: Structure, apart: float) -> Structure:
    """The helix and its copy shifted along x."""
    both = helix.take(torch.arange(20).repeat(2))
    shift = torch.zeros(40, 1, 3)
    shift[20:, :, 0] = apart
    chains = torch.arange(2).repeat_interleave(20)
    return replace(both.with_positions(both.positions + shift), chains=chains, chain_ids=("A", "B"), source=None)


def test_what_is_not_protein_is_an_obstacle(helix: Structure) -> None:
    at = helix.positions[10:11, CB] + torch.tensor([[1.0, 1.0, 1.0]])
    ligand = HeteroAtoms(at, ("C",), ("C1",), ("LIG",), ("A:99",), torch.tensor([0]), torch.zeros(1), torch.ones(1))
    held = replace(helix, hetero=ligand)
    away = helix.positions.clone()
    away[10, CB] += at[0] / 1e3  # a proposal hardly different: the input's own distance counts
    assert (project(held, away, ALL)[10, CB] - at[0]).norm() > 1.7
    free = replace(helix.moved(torch.eye(3), torch.tensor([20.0, 0.0, 0.0])), hetero=ligand)
    result = project(free, helix.positions, ALL)
    assert (result - at[0]).norm(dim=-1)[helix.present].min() > 2.6


def test_a_torn_bond_is_closed_and_a_gap_is_not(helix: Structure) -> None:
    torn = noisy(helix, 0.5)
    gap = (torn.positions[1:, N] - torn.positions[:-1, C]).norm(dim=-1)
    assert gap.max() > 2.0
    whole = torch.stack([torch.arange(len(helix) - 1), torch.arange(1, len(helix))], 1)
    assert torch.equal(covalent(torn).peptides, whole)
    positions = helix.positions.clone()
    positions[10:] += 6.0
    assert 9 not in covalent(helix.with_positions(positions)).peptides[:, 0]


def test_the_frame_does_not_matter(helix: Structure) -> None:
    blurred = noisy(helix, 0.3)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(4)))[0]
    rotation = rotation * torch.linalg.det(rotation)
    shift = torch.tensor([5.0, -3.0, 11.0])
    here = helix.with_positions(project(blurred, blurred.positions, ALL)).moved(rotation, shift).positions
    other = blurred.moved(rotation, shift)
    torch.testing.assert_close(project(other, other.positions, ALL), here, atol=2e-3, rtol=0)


def test_derivatives_are_those_of_the_residuals() -> None:
    """Finite differences of distances, volumes, torsions and contacts, exact ones and ones with a tolerance."""
    x = 2.5 * torch.randn(16, 3, generator=torch.Generator().manual_seed(1)).double().numpy()
    four, one, some = np.arange(16).reshape(4, 4), np.ones(4), np.array([0.0, 0.3, 1.0, 0.0])
    quads = Quads(four, 0 * one, some, one)
    terms = Terms(four[:, :2], one, one, four[:, 2:], 19 * one, quads, quads)
    for part in range(4):
        rows = terms.rows(x)[part]
        assert len(rows.atoms) == 4
        dense = np.zeros((4, 16, 3))
        for k in range(rows.atoms.shape[1]):
            dense[np.arange(4), rows.atoms[:, k]] += rows.gradients[k].T
        for k in range(48):
            step = np.zeros(48)
            step[k] = 1e-6
            ahead, behind = (terms.rows(x + sign * step.reshape(16, 3))[part].residuals for sign in (1, -1))
            np.testing.assert_allclose(dense.reshape(4, 48)[:, k], (ahead - behind) / 2e-6, atol=1e-5, rtol=1e-5)


def test_one_sided_terms_begin_smoothly() -> None:
    over = np.array([-1.0, 0.0, 1e-9, ONSET - 1e-9, ONSET + 1e-9, 3.0])
    value, slope = one_sided(over)
    np.testing.assert_allclose(value, [0, 0, 0, ONSET / 2, ONSET / 2, 3 - ONSET / 2], atol=1e-8)
    np.testing.assert_allclose(slope, [0, 0, 0, 1, 1, 1], atol=1e-8)


def test_steps_solve_the_normal_equations(helix: Structure) -> None:
    """Band and conjugate gradients against a dense solution, with a coupling far outside of the band."""
    n, quads = 60, Quads(np.arange(60).reshape(15, 4), np.zeros(15), np.zeros(15), np.ones(15))
    chain = np.stack((np.arange(n - 1), np.arange(1, n)), 1)
    far = np.array([[0, 59], [5, 40]])
    x = 2 * torch.randn(n, 3, generator=torch.Generator().manual_seed(2)).double().numpy()
    terms = Terms(chain, np.ones(n - 1), np.full(n - 1, 0.02), far, np.full(2, 99.0), quads, quads)
    band, y = Band(terms, n), np.ones(3 * n)
    system = _System(terms.rows(x), np.full(n, 0.3), band, 0.5)
    jacobian = system.jacobian.toarray()
    assert band.width < 3 * 12
    left = -(y + jacobian.T @ system.residuals)
    exact = np.linalg.solve(jacobian.T @ jacobian + 1.5 * np.eye(3 * n), left)
    np.testing.assert_allclose(_normal_step(system, y, band, 1e-12), exact, atol=1e-8, rtol=1e-6)


def test_where_nothing_pulls_nothing_moves() -> None:
    """The conjugate gradients start from a residual of zero: no division by it."""
    none, pairs, quads = np.zeros(0), np.zeros((0, 2), dtype=np.int64), np.zeros((0, 4), dtype=np.int64)
    free = Quads(quads, none, none, none)
    terms = Terms(pairs, none, none, pairs, none, free, free)
    x = np.arange(9.0).reshape(3, 3)
    assert np.array_equal(solve(terms, x, np.ones(3), x, band=Band(terms, 3), rounds=4), x)
