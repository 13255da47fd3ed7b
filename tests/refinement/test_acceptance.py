"""Acceptance: nothing gets worse, what can be idealized is, what must stay stays, copies are treated alike."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from protein_enn.chemistry import CA, CB
from protein_enn.geometry.symmetry.symmetry import Symmetry
from protein_enn.metrics import stereochemistry
from protein_enn.metrics.outliers import OUTLIERS
from protein_enn.refinement.acceptance import Acceptance, AcceptanceCriteria, Decision
from protein_enn.structure import Structure

ALL = torch.ones(20, 37)
NOBODY = torch.zeros(20, dtype=torch.bool)


def noisy(structure: Structure, scale: float) -> Structure:
    noise = scale * torch.randn(structure.positions.shape, generator=torch.Generator().manual_seed(0))
    return structure.with_positions(structure.positions + noise)


def pair_of_helices(helix: Structure, apart: float) -> Structure:
    """The helix and its copy shifted along x."""
    both = helix.take(torch.arange(20).repeat(2))
    shift = torch.zeros(40, 1, 3)
    shift[20:, :, 0] = apart
    chains = torch.arange(2).repeat_interleave(20)
    return replace(both.with_positions(both.positions + shift), chains=chains, chain_ids=("A", "B"), source=None)


def decide(
    structure: Structure, proposal: Tensor, wanted: Tensor, mobility: Tensor, symmetry: Symmetry | None = None
) -> Decision:
    return Acceptance(structure, mobility, AcceptanceCriteria(), symmetry).evaluate(proposal, wanted)


def assert_not_worse(structure: Structure, decision: Decision) -> None:
    before, after = stereochemistry(structure), stereochemistry(structure.with_positions(decision.positions))
    for name, kind in OUTLIERS.items():
        assert not (after.masks[name] & ~before.masks[name]).any(), name
        assert after.counts[kind.count] <= before.counts[kind.count], name


def test_a_sound_input_with_nothing_wanted_is_untouched(helix: Structure) -> None:
    decision = decide(helix, helix.positions + 1.0, NOBODY, ALL)
    assert torch.equal(decision.positions, helix.positions)
    assert not decision.moved.any() and set(decision.reason) == {""}


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0])
def test_outliers_are_idealized_though_no_gain_is_predicted(helix: Structure, scale: float) -> None:
    blurred = noisy(helix, scale)
    decision = decide(blurred, blurred.positions, NOBODY, ALL)
    assert_not_worse(blurred, decision)
    if scale < 1:
        assert decision.after.bond_outliers + decision.after.angle_outliers + decision.after.clashes == 0
        assert any("bond length outlier idealized" in reason for reason in decision.reason)
    assert torch.equal(decision.fraction, torch.zeros(20))


def test_a_clash_is_relieved_and_the_rest_stays(helix: Structure) -> None:
    pair = pair_of_helices(helix, 9.0)
    decision = decide(pair, pair.positions, torch.zeros(40, dtype=torch.bool), torch.ones(40, 37))
    assert decision.before.clashes > 10 and decision.after.clashes <= 1
    assert_not_worse(pair, decision)
    assert "clash relieved" in {reason for reason in decision.reason}
    assert 0 < int(decision.moved.sum()) < 40


def test_a_proposal_that_clashes_goes_no_further_than_it_may(helix: Structure) -> None:
    """One helix is told to walk into the other."""
    pair = pair_of_helices(helix, 12.0)
    assert stereochemistry(pair).clashes == 0
    proposal = pair.positions.clone()
    proposal[20:, :, 0] -= 4.0
    wanted = torch.arange(40) >= 20
    decision = decide(pair, proposal, wanted, torch.ones(40, 37))
    assert_not_worse(pair, decision)
    assert torch.equal(decision.positions[:20], pair.positions[:20])


def test_atoms_without_mobility_stay(helix: Structure) -> None:
    blurred = noisy(helix, 0.3)
    mobility = ALL.clone()
    mobility[5:9] = 0
    decision = decide(blurred, blurred.positions, ~NOBODY, mobility)
    assert torch.equal(decision.positions[5:9], blurred.positions[5:9])
    assert not decision.moved[5:9].any() and decision.moved[:5].any()
    assert_not_worse(blurred, decision)


def test_wrong_chirality_and_new_torsion_outliers_are_refused(helix: Structure) -> None:
    mirrored = helix.positions * torch.tensor([-1.0, 1.0, 1.0])
    decision = decide(helix, mirrored, ~NOBODY, ALL)
    assert_not_worse(helix, decision)


def test_copies_are_treated_alike(helix: Structure) -> None:
    """Two helices related by a rotation by 180 degrees about z; a proposal that harms only one of them."""
    rotation = torch.diag(torch.tensor([-1.0, -1.0, 1.0]))
    pair = pair_of_helices(helix, 0.0)
    shifted = helix.positions + torch.tensor([7.0, 0.0, 0.0])
    pair = pair.with_positions(torch.cat((shifted, shifted @ rotation.T)))
    symmetry = Symmetry(
        "C2",
        torch.stack((torch.eye(3), rotation)).double(),
        torch.zeros(2, 3).double(),
        torch.arange(40).reshape(2, 20),
        pair.present.reshape(2, 20, 37),
    )
    noise = 0.2 * torch.randn(20, 37, 3, generator=torch.Generator().manual_seed(3))
    proposal = pair.positions + torch.cat((noise, noise @ rotation.T))
    proposal[5, CB] += torch.tensor([0.0, 0.0, 3.0])
    wanted = torch.ones(40, dtype=torch.bool)
    wanted[12] = False
    decision = decide(pair, proposal, wanted, torch.ones(40, 37), symmetry)
    assert symmetry.deviation(decision.positions) < 1e-4
    assert torch.equal(decision.fraction[:20], decision.fraction[20:])
    assert decision.fraction[12] == 0 and decision.fraction[32] == 0
    assert_not_worse(pair, decision)


def test_incomplete_residues_and_gaps_are_no_obstacle(helix: Structure) -> None:
    present = helix.present.clone()
    present[3, CA] = False
    present[8, CB] = False
    torn = replace(helix, present=present, positions=helix.positions * present[..., None])
    blurred = noisy(torn, 0.2)
    decision = decide(blurred, blurred.positions, NOBODY, ALL)
    assert_not_worse(blurred, decision)
    assert (decision.positions[~present] == 0).all()
