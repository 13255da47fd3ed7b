"""Losses of refinement: zero for the native at any position, finite gradients, correct targets."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data import Chain
from protein_enn.data.batches import seeded_generator
from protein_enn.geometry.atom14 import exchange_equivalent, to_atom14
from protein_enn.metrics import lddt
from protein_enn.models.refinement import LEAST_ERROR
from protein_enn.predictor import untrained
from protein_enn.structure import Structure
from protein_enn.testing import random_rotation, random_structure
from protein_enn.training.tasks.refinement import RefinementTask, error_prediction_loss
from protein_enn.training.tasks.refinement_loss import (
    RefinementTarget,
    Surroundings,
    bonded_loss,
    closest_naming,
    distance_losses,
    frame_aligned_errors,
    frame_loss,
    sampled_lddt,
)

SETTINGS = {"k": 8, "encoder_settings": {"layers": 1, "channels": 8}}
MODEL: Any = untrained("refinement", SETTINGS).model.double()
STRUCTURE = random_structure((18, 6), dtype=torch.float64)
CHAIN = Chain.of(STRUCTURE)
GRAPH = MODEL.graph(STRUCTURE)


def target_of(chain: Chain) -> RefinementTarget:
    return RefinementTarget(chain.atom14, chain.mask, torch.zeros(len(chain), dtype=torch.long))


def around(count: int = 6) -> Surroundings:
    return Surroundings.draw(GRAPH.neighbors, GRAPH.neighbor_mask, count, seeded_generator(0))


def losses(atoms):
    target = target_of(CHAIN)
    lddt_loss, _ = distance_losses(atoms, CHAIN.residues, target, around())
    frame = frame_loss(*frame_aligned_errors(atoms, target, around()))
    return {"frame": float(frame), "lddt": float(lddt_loss), "bond": float(bonded_loss(atoms, target, GRAPH.bonded))}


def test_losses_are_least_for_the_native_wherever_it_stands():
    native = losses(CHAIN.atom14 @ random_rotation(6).T + 5.0)
    assert native["frame"] < 1e-3 and native["bond"] < 1e-6 and native["lddt"] < 0.02
    noisy = losses(CHAIN.atom14 + torch.randn(CHAIN.atom14.shape, generator=seeded_generator(1), dtype=torch.float64))
    assert noisy["frame"] > 0.3 and noisy["bond"] > 0.1 and noisy["lddt"] > native["lddt"] + 0.1


def test_frames_are_right_handed_and_distances_blind_to_the_mirror():
    mirror = losses(-CHAIN.atom14)
    assert mirror["frame"] > 0.3
    assert mirror["lddt"] < 0.02 and mirror["bond"] < 1e-6


def test_a_clash_counts_by_its_depth_if_the_native_has_none():
    structure = random_structure((2,), seed=1, dtype=torch.float64)
    chain = Chain.of(structure)
    native = torch.zeros_like(chain.atom14)
    native[1] += 10.0
    mask = torch.zeros_like(chain.mask)
    mask[:, 1] = True  # two CA
    target = RefinementTarget(native, mask, torch.zeros(2, dtype=torch.long))
    both = Surroundings(torch.tensor([[0, 1], [1, 0]]), torch.ones(2, 2, dtype=torch.bool))
    near = native.clone()
    near[1] = 0.0
    near[1, :, 0] = 2.5
    depth = 2 * chemistry.VDW_RADII["C"] - 0.4 - 2.5
    assert float(distance_losses(near, chain.residues, target, both)[1]) == pytest.approx(depth, abs=1e-4)
    clashing = replace(target, atom14=near)
    assert float(distance_losses(near, chain.residues, clashing, both)[1]) == pytest.approx(0, abs=1e-6)


def test_sampled_lddt_estimates_the_metric():
    structure = random_structure((60,), seed=3)
    moved = structure.positions + 0.8 * torch.randn(structure.positions.shape, generator=seeded_generator(2))
    atom14, _ = to_atom14(moved, structure.present, structure.residues)
    samples = torch.stack(
        [sampled_lddt(atom14, target_of(Chain.of(structure)), seeded_generator(3, i)) for i in range(60)]
    )
    exact = lddt(moved, structure.positions, structure.present).per_residue
    assert (samples.mean(0) - exact).abs().mean() < 0.03
    assert samples.mean() == pytest.approx(float(exact.mean()), abs=0.01)


def test_equivalent_atoms_take_the_names_that_fit():
    tyrosine = chemistry.RESIDUE_INDEX["TYR"]
    present = torch.zeros_like(STRUCTURE.present)
    present[:, [chemistry.ATOM_INDEX[a] for a in chemistry.RESIDUE_ATOMS["TYR"]]] = True
    residues = torch.full_like(STRUCTURE.residues, tyrosine)
    chain = Chain.of(replace(STRUCTURE, residues=residues, present=present))
    renamed, can = exchange_equivalent(chain.atom14, chain.residues)
    assert can.all()
    assert torch.equal(closest_naming(renamed, chain.atom14, chain.mask, chain.residues), renamed)
    assert torch.equal(closest_naming(chain.atom14, chain.atom14, chain.mask, chain.residues), chain.atom14)


def test_predicted_errors_are_right_when_they_are_the_logarithms_of_the_true_ones():
    error = torch.rand(5, 3, 14, generator=seeded_generator(4))
    mask = torch.ones_like(error, dtype=torch.bool)
    mask[4] = False  # an unknown residue does not count
    true = torch.stack([(e + LEAST_ERROR).log() for e in (error.mean((1, 2)), 2 * error.mean((1, 2)))], -1)
    true[4] = 100.0
    assert float(error_prediction_loss(true, error, 2 * error, mask)) < 1e-5
    assert float(error_prediction_loss(true + 0.5, error, 2 * error, mask)) == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("moves", [(1.0,), (0.0, 0.0, 1.0)])
def test_loss_has_finite_gradients_and_falls(moves):
    torch.manual_seed(0)
    model = untrained("refinement", SETTINGS).model.train().requires_grad_(True)
    task = RefinementTask(RefinementTask.Config(moves=moves), model.config)
    graph, target = task.example(Chain.of(random_structure((20,))), seeded_generator(8), True)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    found = []
    for _ in range(12):
        loss = task.loss(model, graph, target, seeded_generator(9), True)["loss"]
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
        optimizer.step()
        found.append(loss.item())
    if moves == (1.0,):  # else the states in the loss change with the model
        assert found[-1] < found[0]


def chain_with_partner() -> Chain:
    structure = random_structure((16, 8), seed=2)

    def part(structure: Structure, name: str) -> Structure:
        return structure.chain(name)

    first, second = structure.chain_ids
    return Chain.of(part(structure, first), partners=part(structure, second))


def test_partners_are_in_the_graph_but_not_in_the_loss():
    chain = chain_with_partner()
    task = RefinementTask(RefinementTask.Config(partners=1.0), MODEL.config)
    graph, target = task.example(chain, seeded_generator(3), True)
    assert len(graph.pos) == len(chain) == 24
    assert target.mask[chain.own].any() and not target.mask[~chain.own].any()
    graph, _ = task.example(chain, seeded_generator(3), False)
    assert len(graph.pos) == 16
