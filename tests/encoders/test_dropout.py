"""Dropout acts only in training, and in every part that it is set for."""

import torch

from protein_enn.graph import protein_graph
from protein_enn.models import build
from protein_enn.testing import random_structure


def test_dropout_acts_only_in_training():
    torch.manual_seed(0)
    model = build("design", {"k": 6, "hidden": 16, "dropout": 0.5, "encoder_settings": {"layers": 1, "dropout": 0.5}})
    graph = protein_graph(random_structure((20,)), 6, side_chains=False)

    def nodes() -> torch.Tensor:
        return model.encode(graph).nodes

    def logits() -> torch.Tensor:
        encoding = model.eval().encode(graph)
        model.train(training)
        return model.logits(encoding, torch.zeros(20, dtype=torch.long), graph.neighbor_mask)

    for training in (False, True):
        model.train(training)
        assert torch.equal(nodes(), nodes()) != training
        assert torch.equal(logits(), logits()) != training
