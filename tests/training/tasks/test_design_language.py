"""Examples with language features: only masked residues count in the loss, the rest is given, off changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from protein_enn.data.chain import Chain
from protein_enn.encoders.language import LanguageEmbedding
from protein_enn.graph import batch
from protein_enn.models import build
from protein_enn.models.design import DesignModel
from protein_enn.testing import random_structure
from protein_enn.training.tasks.design import DesignTask

SETTINGS = {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}
SMALL: dict[str, Any] = {"k": 8, "hidden": 16, "encoder_settings": SETTINGS}


def chain_with_features(n_partner: int = 0) -> Chain:
    chain = Chain.of(random_structure((20, n_partner) if n_partner else (20,), seed=1))
    own = chain.chains == 0
    language = torch.randn(len(chain), 6, generator=torch.Generator().manual_seed(2)) * own[:, None]
    return replace(chain, own=own, language=language, hidden=own & (torch.arange(len(chain)) % 2 == 0))


def task_and_model(language: int = 6) -> tuple[DesignTask, DesignModel]:
    torch.manual_seed(0)
    model = build("design", {**SMALL, "language": language}).eval()
    return DesignTask(DesignTask.Config(noise=0.0, partners=1.0), model.config), model


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(9)


def test_only_masked_residues_count_in_the_loss_and_the_others_are_given() -> None:
    chain, (task, _) = chain_with_features(10), task_and_model()
    assert chain.language is not None and chain.hidden is not None
    graph, target = task.example(chain, generator(), training=True)
    assert torch.equal(target.loss_mask, chain.hidden) and torch.equal(target.given, chain.own & ~target.loss_mask)
    assert torch.equal(graph.language, chain.language) and not target.given[20:].any()  # nothing changes for partners


def test_given_residues_are_visible_to_all_in_the_loss() -> None:
    """With one residue in the loss the loss is one conditional, whatever the drawn order."""
    chain, (task, model) = chain_with_features(), task_and_model()
    chain = replace(chain, hidden=torch.arange(20) == 7)
    graph, target = task.example(chain, generator(), training=False)
    losses = {
        float(task.loss(model, graph, target, torch.Generator().manual_seed(seed), training=False)["loss"].detach())
        for seed in range(5)
    }
    assert len(losses) == 1
    neighbor = int(graph.neighbors[7, 0])
    sequence = target.sequence.clone()
    sequence[neighbor] = (sequence[neighbor] + 1) % 20
    other = task.loss(model, graph, replace(target, sequence=sequence, shown=sequence), generator(), training=False)[
        "loss"
    ]
    assert float(other.detach()) not in losses


def test_without_anything_to_learn_the_loss_is_zero_and_has_gradients() -> None:
    chain, (task, model) = chain_with_features(), task_and_model()
    graph, target = task.example(replace(chain, hidden=torch.zeros(20, dtype=torch.bool)), generator(), training=True)
    loss = task.loss(model, graph, target, generator(), training=True)["loss"]
    loss.backward()
    assert float(loss.detach()) == 0.0


def test_in_a_batch_as_alone() -> None:
    task, model = task_and_model()
    examples = [
        task.example(chain, generator(), training=False)
        for chain in (chain_with_features(), chain_with_features().take(torch.arange(9)))
    ]
    graphs, targets = zip(*examples, strict=True)
    together = model.encode(batch(graphs)).nodes
    alone = torch.cat([model.encode(graph).nodes for graph in graphs])
    assert torch.allclose(together, alone, atol=1e-5)
    collated = task.collate(list(targets))
    assert torch.equal(collated.given, torch.cat([t.given for t in targets]))


def test_off_is_as_if_it_were_not_there() -> None:
    (task, without), (_, with_language) = task_and_model(0), task_and_model()
    chain = replace(chain_with_features(), language=None, hidden=None)
    graph, target = task.example(chain, generator(), training=True)
    assert "language" not in graph and not target.given.any()
    assert not any("language" in name for name in without.state_dict())
    assert any("language" in name for name in with_language.state_dict())


def test_features_become_nodes_and_zeros_nothing() -> None:
    embedding = LanguageEmbedding(6, 4)
    features = torch.randn(3, 6)
    features[1] = 0.0
    out = embedding(features)
    assert not out[1].any() and out[0].any() and torch.allclose(embedding(5 * features), out, atol=1e-3)
