"""Learning from a teacher: the loss by hand, what an example contains, and that conditions make a difference."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data.batches import seeded_generator
from protein_enn.data.chain import Chain
from protein_enn.graph import batch
from protein_enn.models import build
from protein_enn.models.design import DesignModel, order_visibility
from protein_enn.testing import random_structure
from protein_enn.training.tasks.design import DesignTarget, DesignTask

SETTINGS = {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}
SMALL: dict[str, Any] = {"k": 8, "hidden": 16, "encoder_settings": SETTINGS, "conditions": ["clean", "robust"]}
WHOLE = random_structure((20, 8), seed=1)
ATOMS = (WHOLE.ca[:3] + 2.0, torch.tensor([1, 2, 3]))


def made(**settings: Any) -> tuple[DesignTask, DesignModel]:
    torch.manual_seed(0)
    model = build("design", {**SMALL, **settings.pop("model", {})}).eval()
    return DesignTask(DesignTask.Config(**{"noise": 0.0, **settings}), model.config), model


def chain_of(partners: bool = True) -> Chain:
    chain = Chain.of(WHOLE.chain("A"), partners=WHOLE.chain("B") if partners else None, context=ATOMS)
    return replace(chain, name="c")


def labeled(chain: Chain, seed: int = 0) -> Chain:
    """Labels of the own residues but the first, under a random order on a sequence of their own."""
    n, generator = len(chain), torch.Generator().manual_seed(seed)
    labeled_rows = chain.own.clone()
    labeled_rows[0] = False
    return replace(
        chain,
        labels=(2 * torch.randn(n, 20, generator=generator)).log_softmax(-1),
        labeled=labeled_rows,
        rank=torch.randperm(n, generator=generator),
        shown=torch.randint(20, (n,), generator=generator),
        condition=torch.ones_like(chain.residues),
    )


def distribution(**probabilities: float) -> Tensor:
    """Log-probabilities of a few letters; the others have the rest in equal parts."""
    p = torch.full((20,), (1.0 - sum(probabilities.values())) / (20 - len(probabilities)))
    for letter, probability in probabilities.items():
        p[chemistry.LETTERS.index(letter)] = probability
    return p.log()


def number(letter: str) -> int:
    return chemistry.LETTERS.index(letter)


def by_hand(monkeypatch: pytest.MonkeyPatch, training: bool, natives: float = 0.2) -> dict[str, float]:
    """Loss of four residues: with label and letter; with a letter alone; with a label alone; with neither."""
    task, model = made(natives=natives)
    uniform = distribution()
    logits = torch.stack([uniform, distribution(C=0.5), distribution(A=0.5), distribution(D=0.9)])
    labels = torch.stack([distribution(A=0.5, C=0.5 - 1e-6), uniform, uniform, uniform])
    monkeypatch.setattr(model, "logits", lambda *inputs: logits)
    chain = chain_of(partners=False).take(torch.arange(4))
    graph, _ = task.example(chain, seeded_generator(0), training=False)
    yes, no = True, False
    target = DesignTarget(
        sequence=torch.tensor([number("A"), number("C"), chemistry.UNKNOWN, number("E")]),
        loss_mask=torch.tensor([yes, yes, no, no]),
        given=torch.zeros(4, dtype=torch.bool),
        shown=torch.tensor([0, 1, 2, 3]),
        rank=torch.tensor([0.0, 1.0, 2.0, 3.0]),
        labels=labels,
        labeled=torch.tensor([yes, no, yes, no]),
    )
    return {
        name: float(value) for name, value in task.loss(model, graph, target, seeded_generator(0), training).items()
    }


FIRST, SECOND = math.log(10.0), math.log(0.05) - (math.log(0.5) + 19 * math.log(0.5 / 19)) / 20
"""KL divergence of half A, half C from uniform, and of uniform from half A."""


@pytest.mark.parametrize("natives", [0.0, 0.2, 1.0])
def test_the_loss_is_divergence_and_native_letters_in_their_shares(
    monkeypatch: pytest.MonkeyPatch, natives: float
) -> None:
    found = by_hand(monkeypatch, training=True, natives=natives)
    of_both = (1 - natives) * FIRST + natives * math.log(20)
    assert found["loss"] == pytest.approx((of_both + math.log(2) + SECOND) / 3, abs=1e-4)
    assert found["kl"] == pytest.approx((FIRST + SECOND) / 2, abs=1e-4)


def test_validation_counts_native_letters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = by_hand(monkeypatch, training=False)
    assert found["loss"] == pytest.approx((math.log(20) + math.log(2)) / 2, abs=1e-5)
    assert found["kl"] == pytest.approx((FIRST + SECOND) / 2, abs=1e-4)


def test_the_divergence_is_zero_where_the_model_is_the_teacher() -> None:
    """Under the teacher's order and the identities that it was shown, and under no others."""
    task, model = made(natives=0.0)
    graph, target = task.example(labeled(chain_of()), seeded_generator(0), training=True)
    with torch.no_grad():
        visible = order_visibility(graph, target.rank)
        own = model.logits(model.encode(graph), target.shown, visible).log_softmax(-1)
    same = replace(target, labels=own, loss_mask=torch.zeros_like(target.loss_mask))

    def kl(target: DesignTarget) -> float:
        return float(task.loss(model, graph, target, seeded_generator(3), training=True)["loss"].detach())

    assert kl(same) == pytest.approx(0.0, abs=1e-6)
    assert kl(replace(same, rank=same.rank.flip(0))) > 1e-5
    assert kl(replace(same, shown=(same.shown + 3) % 20)) > 1e-5
    assert kl(replace(same, labels=target.labels)) > 0.1


def test_residues_without_a_teachers_order_have_a_random_one() -> None:
    task, model = made()
    graph, target = task.example(chain_of(), seeded_generator(0), training=True)
    assert (target.rank == -1).all() and not target.labeled.any() and torch.equal(target.shown, target.sequence)
    losses = {
        float(task.loss(model, graph, target, seeded_generator(s), training=True)["loss"].detach()) for s in range(4)
    }
    assert len(losses) == 4
    example = task.example(labeled(chain_of()), seeded_generator(0), training=True)
    losses = {float(task.loss(model, *example, seeded_generator(s), training=True)["loss"].detach()) for s in range(4)}
    assert len(losses) == 1


@pytest.mark.parametrize("partners", [0.0, 1.0])
def test_partners_are_kept_where_the_teacher_had_them(partners: float) -> None:
    task, _ = made(partners=partners)
    for seed in range(5):
        with_them, _ = task.example(labeled(chain_of()), seeded_generator(seed), training=True)
        without, _ = task.example(labeled(chain_of(partners=False)), seeded_generator(seed), training=True)
        assert (with_them.num_nodes, without.num_nodes) == (28, 20)


def test_an_example_carries_the_labels_of_its_residues() -> None:
    task, _ = made()
    chain = labeled(chain_of()).cropped(10, seeded_generator(4))
    graph, target = task.example(chain, seeded_generator(0), training=True)
    assert len(target.sequence) == 10 and (graph.condition == 1).all()
    assert chain.labels is not None and torch.equal(target.labels, chain.labels)
    whole = labeled(chain_of())
    assert whole.labels is not None and whole.rank is not None
    places = [int((whole.labels == row).all(1).nonzero()) for row in target.labels]
    assert target.rank.tolist() == [float(whole.rank[i]) for i in places]
    assert target.sequence.tolist() == whole.residues[places].tolist()


def test_the_loss_of_a_designed_backbone_is_of_its_labels_alone() -> None:
    task, model = made()
    chain = replace(labeled(chain_of(partners=False)), residues=torch.full((20,), chemistry.UNKNOWN))
    graph, target = task.example(chain, seeded_generator(0), training=True)
    assert not target.loss_mask.any() and int(target.labeled.sum()) == 19
    parts = task.loss(model, graph, target, seeded_generator(0), training=True)
    torch.testing.assert_close(parts["loss"].detach(), parts["kl"])


def test_noise_may_depend_on_the_condition() -> None:
    places = {}
    for name in ("clean", "robust"):
        task, _ = made(noise=0.5, condition_noise={name: 0.0})
        still, _ = made(noise=0.0)
        chain = labeled(chain_of(partners=False))  # whose condition is robust
        moved, fixed = (t.example(chain, seeded_generator(0), training=True)[0].pos for t in (task, still))
        places[name] = float((moved - fixed).norm(dim=1).max())
    assert places["clean"] > 0.1 and places["robust"] == 0.0


def test_each_condition_has_an_answer_of_its_own_and_the_first_is_the_default() -> None:
    _, model = made()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
    hidden = torch.zeros(28, 8, dtype=torch.bool)

    def answer(**options: Any) -> Tensor:
        graph = model.graph(WHOLE, **options)
        return model.logits(model.encode(graph), WHOLE.residues, hidden)

    first, second = answer(condition="clean"), answer(condition="robust")
    assert torch.equal(answer(), first) and (first - second).abs().amax(1).min() > 1e-3


def test_in_a_batch_each_graph_keeps_its_condition() -> None:
    _, model = made()
    graphs = [model.graph(WHOLE, condition=name) for name in ("robust", "clean")]
    together = model.encode(batch(graphs)).nodes
    torch.testing.assert_close(together, torch.cat([model.encode(g).nodes for g in graphs]), atol=1e-5, rtol=0)


def test_without_conditions_the_graph_has_none() -> None:
    task, model = made(model={"conditions": []})
    graph, target = task.example(chain_of(), seeded_generator(0), training=True)
    assert "condition" not in graph and "condition" not in model.graph(WHOLE)
    assert set(task.loss(model, graph, target, seeded_generator(0), training=True)) == {"loss", "recovery"}
