"""The task of displacements: the target is the way back, and it rotates with the protein."""

from __future__ import annotations

from pathlib import Path

import torch

from protein_enn.data.chain import Chain
from protein_enn.geometry.rotations import random_rotation
from protein_enn.io import read_structure
from protein_enn.models import build
from protein_enn.models.displacement import DisplacementModel
from protein_enn.training.tasks.displacement import DisplacementTask

CHAIN = Chain.of(read_structure(Path(__file__).resolve().parents[3] / "examples" / "1bhl.pdb"))


def test_the_target_leads_back_to_the_native() -> None:
    task = DisplacementTask(DisplacementTask.Config(), DisplacementModel.Config())
    graph, target = task.example(CHAIN, torch.Generator().manual_seed(1), True)
    back = graph.pos + target.displacement
    torch.testing.assert_close(back - back.mean(0), CHAIN.atom14[:, 1] - CHAIN.atom14[:, 1].mean(0))
    assert 0.5 < float(target.displacement.square().mean().sqrt()) < 0.9  # about the 0.7 Å of each coordinate


def test_predictions_rotate_with_the_graph_and_the_loss_stays() -> None:
    torch.manual_seed(0)
    model = build("displacement", {"encoder_settings": {"layers": 2, "lmax": 1}})
    task = DisplacementTask(DisplacementTask.Config(), model.config)
    graph, target = task.example(CHAIN, torch.Generator().manual_seed(1), True)
    with torch.no_grad():
        for rotation in (random_rotation(2).float(), -random_rotation(3).float()):
            moved = graph.moved(rotation, torch.tensor([3.0, 2.0, 1.0]))
            torch.testing.assert_close(model(moved), model(graph) @ rotation.T, atol=2e-5, rtol=0)
            losses = [
                task.loss(model, g, t, torch.Generator(), True)["loss"]
                for g, t in ((graph, target), (moved, target.rotated(rotation)))
            ]
            torch.testing.assert_close(losses[0], losses[1], atol=1e-5, rtol=0)
        for parameter in model.head[-1].parameters():
            parameter.zero_()
        nothing = task.loss(model, graph, target, torch.Generator(), True)
    assert abs(float(nothing["explained"])) < 1e-6
    assert float(nothing["loss"]) > 0.9
