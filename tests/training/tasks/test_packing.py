"""The task of packing: what counts in its loss, what is shown, and that neither rotation nor mirror changes it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data.chain import Chain
from protein_enn.geometry.rotations import random_rotation
from protein_enn.geometry.side_chains import known_chi
from protein_enn.graph import batch
from protein_enn.io import read_structure
from protein_enn.models import build
from protein_enn.models.packing.circle import CENTERS
from protein_enn.training.tasks.packing import PackingTask

CHAIN = Chain.of(read_structure(Path(__file__).resolve().parents[3] / "examples" / "1bhl.pdb"))
SMALL = {"k": 12, "atoms": 16, "encoder_settings": {"layers": 2, "scalars": 32, "odd": 0, "edges": 32, "hidden": 32}}


@pytest.fixture(scope="module")
def task() -> PackingTask:
    return PackingTask(PackingTask.Config(), build("packing", SMALL).config)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_target_is_every_known_chi_angle_and_the_input_has_no_side_chain(task: PackingTask) -> None:
    graph, target = task.example(CHAIN, generator(), False)
    chi = known_chi(CHAIN.atom14, CHAIN.residues, CHAIN.mask)
    assert torch.equal(target.loss_mask, ~chi.isnan())
    torch.testing.assert_close(target.chi[target.loss_mask], chi[target.loss_mask])
    assert torch.equal(target.shown, target.chi)  # no noise in validation
    stripped = replace(CHAIN, atom14=CHAIN.atom14.clone())
    stripped.atom14[:, 5:] += 3.0
    moved, _ = task.example(stripped, generator(), False)
    assert torch.equal(moved.vectors, graph.vectors) and torch.equal(moved.scalars, graph.scalars)


def test_an_angle_counts_only_where_those_before_it_are_known_and_incomplete_side_chains_are_not_shown(
    task: PackingTask,
) -> None:
    whole = (CHAIN.residues == chemistry.RESIDUE_INDEX["LYS"]) & (CHAIN.mask.sum(1) == 9)
    lysine = int(whole.nonzero()[0])
    mask = CHAIN.mask.clone()
    mask[lysine, chemistry.RESIDUE_ATOMS["LYS"].index("CD") :] = False
    _, target = task.example(replace(CHAIN, mask=mask), generator(), False)
    assert target.loss_mask[lysine].tolist() == [True, False, False, False]
    assert not target.complete[lysine]


def test_in_training_backbones_and_shown_angles_have_noise_and_targets_have_none(task: PackingTask) -> None:
    native, _ = task.example(CHAIN, generator(), False)
    graph, target = task.example(CHAIN, generator(2), True)
    shift = (graph.pos - native.pos).norm(dim=-1)
    assert 0 < float(shift.mean()) < 0.3
    chi = known_chi(CHAIN.atom14, CHAIN.residues, CHAIN.mask)
    torch.testing.assert_close(target.chi[target.loss_mask], chi[target.loss_mask])
    apart = torch.rad2deg((target.shown - target.chi)[target.loss_mask]).abs()
    assert 0 < float(apart.median()) < 15


def test_the_loss_is_that_of_a_flat_density_for_a_model_that_knows_nothing(task: PackingTask) -> None:
    """log 2 pi nats an angle, log pi where the period is half of the circle."""
    model = build("packing", SMALL)
    graph, target = task.example(CHAIN, generator(), False)
    with torch.no_grad():
        model.exit[-1].weight.zero_()
        model.exit[-1].bias.zero_()
        loss = float(task.loss(model, graph, target, generator(), False)["loss"])
    rows, angle = target.loss_mask.nonzero(as_tuple=True)
    halves = {("ASP", 1), ("GLU", 2), ("PHE", 1), ("TYR", 1)}
    half = [(chemistry.RESIDUES[int(CHAIN.residues[i])], int(k)) in halves for i, k in zip(rows, angle, strict=True)]
    expected = math.log(2 * math.pi) - sum(half) / len(half) * math.log(2)
    assert abs(loss - expected) < 1e-3
    assert CENTERS % 2 == 0


def test_neither_rotation_nor_mirror_changes_the_loss(task: PackingTask) -> None:
    torch.manual_seed(0)
    model = build("packing", SMALL)
    graph, target = task.example(CHAIN, generator(), True)
    losses = []
    with torch.no_grad():
        for rotation in (torch.eye(3), random_rotation(2).float(), -random_rotation(3).float()):
            moved = graph.moved(rotation, torch.tensor([3.0, 2.0, 1.0]))
            losses.append(float(task.loss(model, moved, target.rotated(rotation), generator(), True)["loss"]))
    assert max(losses) - min(losses) < 1e-4


def test_a_batch_has_the_loss_of_its_parts_and_a_few_steps_lower_it(task: PackingTask) -> None:
    torch.manual_seed(0)
    model = build("packing", SMALL)
    graph, target = task.example(CHAIN.take(torch.arange(40)), generator(), False)
    both, targets = batch([graph, graph]), task.collate([target, target])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(15):
        loss = task.loss(model, both, targets, generator(), True)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.1
    assert int(targets.loss_mask.sum()) == 2 * int(target.loss_mask.sum())
