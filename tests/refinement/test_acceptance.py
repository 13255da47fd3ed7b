"""The gate: nothing gets worse, what can be mended is, what must stay stays, copies are treated alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from protein_enn.chemistry import CA, CB
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.metrics import stereochemistry
from protein_enn.metrics.outliers import OUTLIERS
from protein_enn.refinement.acceptance import Gate, Gatekeeper, Verdict
from protein_enn.structure import Structure

ALL = torch.ones(20, 37)
NOBODY = torch.zeros(20, dtype=torch.bool)


def noisy(structure: Structure, scale: float) -> Structure:
    noise = scale * torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(0))
    return structure.with_positions(structure.positions + noise)


def beside(helix: Structure, apart: float) -> Structure:
    """The helix and its copy shifted along x."""
    both = helix.take(torch.arange(20).repeat(2))
    shift = torch.zeros(40, 1, 3)
    shift[20:, :, 0] = apart
    chains = torch.arange(2).repeat_interleave(20)
    return replace(both.with_positions(both.positions + shift), chains=chains, chain_ids=("A", "B"), source=None)


def judge(
    structure: Structure, proposal: Tensor, wanted: Tensor, share: Tensor, settings: Gate,
    symmetry: Symmetry | None = None,
) -> Verdict:  # fmt: skip
    return Gatekeeper(structure, share, settings, symmetry).judge(proposal, wanted)


def assert_not_worse(structure: Structure, verdict: Verdict) -> None:
    before, after = stereochemistry(structure), stereochemistry(structure.with_positions(verdict.positions))
    for name, kind in OUTLIERS.items():
        assert not (after.masks[name] & ~before.masks[name]).any(), name
        assert after.counts[kind.count] <= before.counts[kind.count], name


def test_a_sound_input_with_nothing_wanted_is_untouched(helix: Structure) -> None:
    verdict = judge(helix, helix.positions + 1.0, NOBODY, ALL, Gate())
    assert torch.equal(verdict.positions, helix.positions)
    assert not verdict.moved.any() and set(verdict.reason) == {""}


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
def test_outliers_are_mended_though_no_gain_is_predicted(helix: Structure, scale: float) -> None:
    blurred = noisy(helix, scale)
    verdict = judge(blurred, blurred.positions, NOBODY, ALL, Gate())
    assert_not_worse(blurred, verdict)
    if scale < 1:
        assert verdict.after.bond_outliers + verdict.after.angle_outliers + verdict.after.clashes == 0
        assert any("bond length outlier mended" in reason for reason in verdict.reason)
    assert torch.equal(verdict.fraction, torch.zeros(20))


def test_a_clash_is_relieved_and_the_rest_stays(helix: Structure) -> None:
    pair = beside(helix, 9.0)
    verdict = judge(pair, pair.positions, torch.zeros(40, dtype=torch.bool), torch.ones(40, 37), Gate())
    assert verdict.before.clashes > 10 and verdict.after.clashes <= 1
    assert_not_worse(pair, verdict)
    assert "clash relieved" in {reason for reason in verdict.reason}
    assert 0 < int(verdict.moved.sum()) < 40


def test_a_proposal_that_clashes_goes_no_further_than_it_may(helix: Structure) -> None:
    """One helix is told to walk into the other."""
    pair = beside(helix, 12.0)
    assert stereochemistry(pair).clashes == 0
    proposal = pair.positions.clone()
    proposal[20:, :, 0] -= 4.0
    wanted = torch.arange(40) >= 20
    verdict = judge(pair, proposal, wanted, torch.ones(40, 37), Gate())
    assert_not_worse(pair, verdict)
    assert torch.equal(verdict.positions[:20], pair.positions[:20])


def test_atoms_without_a_share_stay(helix: Structure) -> None:
    blurred = noisy(helix, 0.3)
    share = ALL.clone()
    share[5:9] = 0
    verdict = judge(blurred, blurred.positions, ~NOBODY, share, Gate())
    assert torch.equal(verdict.positions[5:9], blurred.positions[5:9])
    assert not verdict.moved[5:9].any() and verdict.moved[:5].any()
    assert_not_worse(blurred, verdict)


def test_wrong_chirality_and_new_torsion_outliers_are_refused(helix: Structure) -> None:
    mirrored = helix.positions * torch.tensor([-1.0, 1.0, 1.0])
    verdict = judge(helix, mirrored, ~NOBODY, ALL, Gate())
    assert_not_worse(helix, verdict)


def test_copies_are_treated_alike(helix: Structure) -> None:
    """Two helices related by a half turn about z; a proposal that spoils only one of them."""
    turn = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))
    pair = beside(helix, 0.0)
    shifted = helix.positions + torch.tensor([7.0, 0.0, 0.0])
    pair = pair.with_positions(torch.cat((shifted, shifted @ turn.T)))
    symmetry = Symmetry(
        "C2",
        torch.stack((torch.eye(3), turn)).double(),
        torch.zeros(2, 3).double(),
        torch.arange(40).reshape(2, 20),
        pair.present.reshape(2, 20, 37),
    )
    noise = 0.2 * torch.randn(20, 37, 3, generator=torch.Generator().manual_seed(3))
    proposal = pair.positions + torch.cat((noise, noise @ turn.T))
    proposal[5, CB] += torch.tensor([0.0, 0.0, 3.0])
    wanted = torch.ones(40, dtype=torch.bool)
    wanted[12] = False
    verdict = judge(pair, proposal, wanted, torch.ones(40, 37), Gate(), symmetry)
    assert symmetry.deviation(verdict.positions) < 1e-4
    assert torch.equal(verdict.fraction[:20], verdict.fraction[20:])
    assert verdict.fraction[12] == 0 and verdict.fraction[32] == 0
    assert_not_worse(pair, verdict)


def test_incomplete_residues_and_gaps_are_no_obstacle(helix: Structure) -> None:
    present = helix.present.clone()
    present[3, CA] = False
    present[8, CB] = False
    torn = replace(helix, present=present, positions=helix.positions * present[..., None])
    blurred = noisy(torn, 0.2)
    verdict = judge(blurred, blurred.positions, NOBODY, ALL, Gate())
    assert_not_worse(blurred, verdict)
    assert (verdict.positions[~present] == 0).all()
