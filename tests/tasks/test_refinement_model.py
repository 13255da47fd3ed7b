"""The refinement model: displacements turn with the protein, symmetric losses, honest targets."""

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data import Chain
from protein_enn.data.batches import seeded
from protein_enn.geometry.compact import exchange_equivalent, from_compact, to_compact
from protein_enn.metrics import lddt
from protein_enn.predictor import untrained
from protein_enn.tasks.perturbation import perturb, rotate_side_chains
from protein_enn.tasks.refinement import (
    RefinementTarget,
    RefinementTask,
    bonded_error,
    closest_naming,
    frame_aligned_error,
    sampled_lddt,
)
from protein_enn.testing import random_rotation, random_structure

PREDICTOR = untrained("refinement", {"k": 8, "encoder_settings": {"layers": 2, "channels": 8}})
MODEL = PREDICTOR.model.double()
STRUCTURE = random_structure((18, 6), dtype=torch.float64)
CHAIN = Chain.of(STRUCTURE)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_turned_or_mirrored_structure_gets_the_turned_or_mirrored_moves(sign):
    turn, shift = sign * random_rotation(5), torch.tensor([1000.0, 0.0, -1000.0], dtype=torch.float64)
    ours = MODEL.refine(MODEL.graph(STRUCTURE), 2)
    theirs = MODEL.refine(MODEL.graph(STRUCTURE.moved(turn, shift)), 2)
    present = STRUCTURE.present
    torch.testing.assert_close(theirs.positions[present], (ours.positions @ turn.T + shift)[present], atol=1e-8, rtol=0)
    torch.testing.assert_close(theirs.lddt_after, ours.lddt_after, atol=1e-9, rtol=0)
    assert (ours.positions - STRUCTURE.positions)[present].norm(dim=-1).max() > 1e-3


def test_no_steps_no_moves():
    prediction = MODEL.refine(MODEL.graph(STRUCTURE), 0)
    assert torch.equal(prediction.positions, STRUCTURE.positions)
    assert torch.equal(prediction.lddt_before, prediction.lddt_after)


def test_compact_layout_is_there_and_back():
    compact, mask = to_compact(STRUCTURE.positions, STRUCTURE.present, STRUCTURE.residues)
    assert int(mask.sum()) == int(STRUCTURE.present.sum())
    back = from_compact(compact, STRUCTURE.residues, torch.zeros_like(STRUCTURE.positions))
    assert torch.equal(back[STRUCTURE.present], STRUCTURE.positions[STRUCTURE.present])


def target_of(chain: Chain) -> RefinementTarget:
    return RefinementTarget(chain.compact, chain.mask, torch.zeros(len(chain), dtype=torch.long))


def test_losses_vanish_for_the_native_wherever_it_stands_and_not_elsewhere():
    graph = MODEL.graph_of(CHAIN.compact, CHAIN.mask, CHAIN.residues, CHAIN.chains, CHAIN.numbers)
    turned = CHAIN.compact @ random_rotation(6).T + 5.0
    noisy = CHAIN.compact + torch.randn(CHAIN.compact.shape, generator=seeded(1), dtype=torch.float64)
    mirror = -CHAIN.compact
    arguments = (target_of(CHAIN), graph, 6, 10.0)
    assert frame_aligned_error(turned, *arguments, seeded(0)) < 2e-4
    assert frame_aligned_error(noisy, *arguments, seeded(0)) > 0.5
    assert frame_aligned_error(mirror, *arguments, seeded(0)) > 0.5  # frames are right-handed
    assert bonded_error(turned, target_of(CHAIN), graph.bonded) < 1e-6
    assert bonded_error(noisy, target_of(CHAIN), graph.bonded) > 0.1


def test_sampled_lddt_estimates_the_metric():
    structure = random_structure((60,), seed=3)
    moved = structure.positions + 0.8 * torch.randn(structure.positions.shape, generator=seeded(2))
    chain = Chain.of(structure)
    compact, _ = to_compact(moved, structure.present, structure.residues)
    samples = torch.stack([sampled_lddt(compact, target_of(chain), seeded(3, i)) for i in range(40)]).mean(0)
    exact = lddt(moved, structure.positions, structure.present).per_residue
    assert (samples - exact).abs().mean() < 0.02


def test_equivalent_atoms_take_the_names_that_fit():
    tyrosine = chemistry.RESIDUE_INDEX["TYR"]
    structure = replace(STRUCTURE, residues=torch.full_like(STRUCTURE.residues, tyrosine))
    present = torch.zeros_like(structure.present)
    present[:, [chemistry.ATOM_INDEX[a] for a in chemistry.RESIDUE_ATOMS["TYR"]]] = True
    chain = Chain.of(replace(structure, present=present))
    renamed, can = exchange_equivalent(chain.compact, chain.residues)
    assert can.all()
    assert torch.equal(closest_naming(renamed, chain.compact, chain.mask, chain.residues), renamed)
    assert torch.equal(closest_naming(chain.compact, chain.compact, chain.mask, chain.residues), chain.compact)


def test_perturbations_are_seeded_and_keep_absent_atoms_absent():
    chain = Chain.of(random_structure((40,), seed=7))
    first = perturb(chain.compact, chain.mask, chain.residues, seeded(4))
    assert torch.equal(first, perturb(chain.compact, chain.mask, chain.residues, seeded(4)))
    assert (first[~chain.mask] == 0).all()
    turned = rotate_side_chains(chain.compact, chain.residues, 1.0, seeded(5))
    assert torch.equal(turned[:, :5], chain.compact[:, :5])
    before = (chain.compact[:, 5:] - chain.compact[:, 4:5]).norm(dim=-1)[chain.mask[:, 5:]]
    after = (turned[:, 5:] - turned[:, 4:5]).norm(dim=-1)[chain.mask[:, 5:]]
    torch.testing.assert_close(before, after, atol=1e-3, rtol=0)


def test_loss_has_finite_gradients_and_falls():
    torch.manual_seed(0)
    predictor = untrained("refinement", {"k": 8, "encoder_settings": {"layers": 1, "channels": 8}})
    model = predictor.model.train().requires_grad_(True)
    task = RefinementTask(RefinementTask.Config(steps=1), model.config)
    graph, target = task.example(Chain.of(random_structure((20,))), seeded(8), True)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(12):
        loss = task.loss(model, graph, target, seeded(9), True)["loss"]
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
