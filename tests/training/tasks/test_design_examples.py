"""Examples of the design task: which surroundings they contain, and which residues count in the loss."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from protein_enn import chemistry
from protein_enn.data import Chain
from protein_enn.data.batches import seeded_generator
from protein_enn.models.design import order_visibility
from protein_enn.predictor import untrained
from protein_enn.testing import random_structure
from protein_enn.training.tasks.design import DesignTask
from protein_enn.training.tasks.refinement import RefinementTask

PREDICTOR = untrained("design", {"k": 8, "encoder_settings": {"layers": 1}})
MODEL: Any = PREDICTOR.model
WHOLE = random_structure((24, 10))
CHAIN = Chain.of(
    WHOLE.chain("A"), partners=WHOLE.chain("B"), context=(WHOLE.ca[:6] + 2.0, torch.tensor([1, 2, 3, 10, 1, 1]))
)


def task(**settings: Any) -> DesignTask:
    return DesignTask(DesignTask.Config(**settings), MODEL.config)


@pytest.mark.parametrize("partners", [0.0, 1.0])
@pytest.mark.parametrize("context", [0.0, 1.0])
def test_never_and_always(partners, context):
    made = task(partners=partners, context=context)
    for seed in range(4):
        graph, target = made.example(CHAIN, seeded_generator(seed), training=True)
        assert graph.num_nodes == len(target.sequence) == (34 if partners else 24)
        assert bool(graph.context_kinds.any()) == bool(context)
        assert target.loss_mask.tolist() == [True] * 24 + [False] * (10 if partners else 0)


def test_chances_in_between_are_met():
    made = task(partners=0.25, context=0.75)
    examples = [made.example(CHAIN, seeded_generator(seed), training=True)[0] for seed in range(200)]
    assert 0.15 < sum(g.num_nodes == 34 for g in examples) / 200 < 0.35
    assert 0.65 < sum(bool(g.context_kinds.any()) for g in examples) / 200 < 0.85


def test_validation_shows_the_chain_alone_with_its_context():
    graph, _ = task(partners=1.0).example(CHAIN, seeded_generator(0), training=False)
    assert graph.num_nodes == 24 and graph.context_kinds.any()
    again, _ = task(partners=1.0).example(CHAIN, seeded_generator(1), training=False)
    assert torch.equal(graph.pos, again.pos) and torch.equal(graph.context_vectors, again.context_vectors)
    assert not task(context=0.0).example(CHAIN, seeded_generator(0), training=False)[0].context_kinds.any()


def test_noise_moves_context_atoms_as_well():
    still, _ = task(partners=0.0, context=1.0, noise=0.0).example(CHAIN, seeded_generator(0), training=True)
    moved, _ = task(partners=0.0, context=1.0, noise=0.05).example(CHAIN, seeded_generator(0), training=True)
    positions = [g.pos[:, None] + g.context_vectors for g in (still, moved)]
    same = (still.context_kinds == moved.context_kinds) & (still.context_kinds == 10)
    shift = (positions[0] - positions[1])[same].norm(dim=-1)
    assert same.any() and 1e-3 < shift.max() < 0.5


def test_only_own_residues_of_known_type_count_in_the_loss():
    odd = replace(CHAIN, residues=CHAIN.residues.clone())
    odd.residues[3] = chemistry.UNKNOWN
    _, target = task(partners=1.0).example(odd, seeded_generator(0), training=True)
    assert target.loss_mask.nonzero()[:, 0].tolist() == [i for i in range(24) if i != 3]


def test_the_loss_sees_identities_of_partners_but_not_what_is_predicted_for_them():
    graph, target = task(partners=1.0).example(CHAIN, seeded_generator(0), training=True)
    changed = target.sequence.clone()
    changed[24:] = (changed[24:] + 5) % 20
    rank = torch.rand(34, generator=seeded_generator(2))

    def own_loss(sequence: torch.Tensor) -> torch.Tensor:
        logits = MODEL.logits(MODEL.encode(graph), sequence, order_visibility(graph, rank))
        return cross_entropy(logits[:24], sequence[:24])

    losses = []
    for sequence in (target.sequence, changed):
        losses.append(
            task().loss(
                MODEL, graph, replace(target, sequence=sequence, shown=sequence), seeded_generator(2), training=False
            )["loss"]
        )
        torch.testing.assert_close(losses[-1], own_loss(sequence))
    assert losses[0] != losses[1], "the own residues see who their partners are"


def test_a_batch_learns_from_the_own_residues_of_each():
    targets = [task(partners=p).example(CHAIN, seeded_generator(0), training=True)[1] for p in (1.0, 0.0)]
    assert DesignTask.collate(targets).loss_mask.tolist() == [True] * 24 + [False] * 10 + [True] * 24


def test_refinement_examples_are_of_the_chain_alone():
    model = untrained("refinement", {"k": 8}).model
    made = RefinementTask(RefinementTask.Config(), model.config)
    ours, target = made.example(CHAIN, seeded_generator(0), True)
    theirs, _ = made.example(Chain.of(WHOLE.chain("A")), seeded_generator(0), True)
    assert len(target.atom14) == 24 and torch.equal(ours.atom14, theirs.atom14)
    assert not ours.context_kinds.any()
