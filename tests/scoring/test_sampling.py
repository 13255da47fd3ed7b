"""Sampling is exact: probabilities are the model's, whatever is decoded together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.graph.coloring import coloring
from protein_enn.models.design import NOT_VISIBLE, DesignModel
from protein_enn.predictor import Predictor, untrained
from protein_enn.scoring import Design, design
from protein_enn.scoring.backbone import Backbone
from protein_enn.scoring.constraints import Constraints
from protein_enn.scoring.designs import problem_of
from protein_enn.scoring.sampling import Draw, links, sample
from protein_enn.structure import Structure

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fixed": {"fixed": ["A:3-20", "B:9"]},
    "one chain": {"chains": "B"},
    "one residue": {"only": "A:8"},
    "tied": {"ties": ["A:1-16=B:1-16"]},
    "weighted": {"ties": ["A:1-16=B:1-16*-0.5", "A:5=A:20"]},
    "biased": {"bias": "W:-2,K:1", "bias_at": {"A:1-5": {"G": 3.0}}, "omit": "C", "temperature": 0.5},
}


def forced(one: Design, predictor: Predictor) -> tuple[Tensor, Tensor]:
    """Logits and log-probabilities of the finished sequence under its order, by the pass that scoring makes."""
    structure = replace(one.structure, residues=one.residues)
    backbone = Backbone(structure, predictor, one.designed)
    logits = backbone.logits(one.residues, backbone.earlier_visible(one.order))
    return logits, logits.log_softmax(-1).gather(1, one.residues[:, None])[:, 0]


@pytest.mark.parametrize("setting", SETTINGS)
def test_reported_likelihood_is_that_of_teacher_forcing(bundle: Structure, predictor: Predictor, setting: str) -> None:
    for one in design(bundle, predictor=predictor, **{"temperature": 1.0, "samples": 3, **SETTINGS[setting]}):
        _, log_probs = forced(one, predictor)
        torch.testing.assert_close(one.log_probs[one.designed], log_probs[one.designed], atol=1e-5, rtol=0)
        assert one.log_probs[~one.designed].isnan().all() and one.designed.any()
        assert one.log_likelihood == pytest.approx(float(log_probs[one.designed].mean()), abs=1e-5)


@pytest.mark.parametrize("setting", SETTINGS)
def test_zero_temperature_takes_the_best_at_each_step(bundle: Structure, predictor: Predictor, setting: str) -> None:
    wishes = {name: wish for name, wish in SETTINGS[setting].items() if name != "temperature"}
    limits = Constraints.of(bundle, **wishes)
    (one,) = design(bundle, predictor=predictor, **{**wishes, "temperature": 0.0})
    logits, _ = forced(one, predictor)
    weighted = limits.weights[:, None] * logits + limits.weights.abs()[:, None] * limits.bias
    best = torch.zeros(len(bundle), 20).index_add(0, limits.groups, weighted).argmax(-1)[limits.groups]
    assert torch.equal(one.residues[one.designed], best[one.designed])


def test_colors(bundle: Structure, predictor: Predictor) -> None:
    """Residues of one step do not see each other, apart from tied ones, which come in one step."""
    (one,) = design(bundle, predictor=predictor, ties=["A:1-8=A:9-16=B:1-8"])
    backbone = Backbone(bundle, predictor)
    group = Constraints.of(bundle, ties=["A:1-8=A:9-16=B:1-8"]).groups
    i, slot = backbone.mask.nonzero(as_tuple=True)
    j = backbone.neighbors[i, slot]
    assert (one.order[i] != one.order[j])[group[i] != group[j]].all()
    assert torch.equal(one.order, one.order[group])
    assert int(one.order.max()) < 47  # some are decoded together


def test_coloring_keeps_linked_nodes_apart() -> None:
    linked: list[set[int]] = [{1, 2}, {0, 2}, {0, 1, 3}, {2}]
    color = coloring(linked, torch.tensor([3, 0, 1, 2]))
    assert all(color[i] != color[j] for i, others in enumerate(linked) for j in others)
    assert int(color.max()) == 2


def test_decoding_some_rows_is_decoding_all(bundle: Structure, predictor: Predictor) -> None:
    backbone = Backbone(bundle, predictor)
    visible = backbone.all_visible() & (
        torch.rand(backbone.mask.shape, generator=torch.Generator().manual_seed(2)) < 0.5
    )
    rows = torch.tensor([40, 3, 3, 17])
    known = torch.where(visible, backbone.sequence[backbone.neighbors], NOT_VISIBLE)[rows]
    model = predictor.model
    assert isinstance(model, DesignModel)
    found = model.logits_of(backbone.encoding, model.keys(backbone.encoding), rows, known)
    torch.testing.assert_close(found, backbone.logits(backbone.sequence, visible)[rows], atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def attentive() -> Predictor:
    """Untrained, but the identities of neighbors matter much."""
    predictor = untrained("design", {"k": 4, "decoder_layers": 1, "hidden": 32}, seed=3)
    for layer in predictor.model.decoder:  # type: ignore[union-attr]
        layer.identity.weight.mul_(20)
    return predictor


def pair(bundle: Structure) -> Structure:
    return bundle.take(torch.tensor([7, 8]))


def drawn(structure: Structure, predictor: Predictor, temperature: float, **wishes: Any) -> list[Draw]:
    limits = Constraints.of(structure, **wishes)
    backbone = Backbone(structure, predictor, limits.free)
    return list(sample(backbone.decoder(), problem_of(backbone, limits), temperature, 0, 2000))


def chi_square(found: Tensor, probabilities: Tensor) -> float:
    expected = probabilities * found.sum()
    return float(((found - expected).square() / expected).sum())


ALLOWED = "ARND"
OMITTED = "".join(letter for letter in chemistry.AMINO_ACIDS if letter not in ALLOWED)


def test_two_residues_follow_the_joint_distribution(bundle: Structure, attentive: Predictor) -> None:
    """Of four amino acids: the mean over both orders of p(first) p(second | first), by scoring's passes."""
    structure, temperature = pair(bundle), 0.5
    backbone = Backbone(structure, attentive)

    def conditional(sequence: tuple[int, int], order: tuple[int, int]) -> Tensor:
        logits = backbone.logits(torch.tensor(sequence), backbone.earlier_visible(torch.tensor(order)))
        return (logits[:, :4] / temperature).softmax(-1)

    joint, apart = torch.zeros(2, 4, 4), torch.zeros(4, 4)
    for a in range(4):
        for b in range(4):
            for k, order in enumerate([(0, 1), (1, 0)]):
                p = conditional((a, b), order)
                joint[k, a, b] = p[0, a] * p[1, b]
            apart[a, b] = conditional((a, b), (0, 0))[0, a] * conditional((a, b), (0, 0))[1, b]
    found = torch.zeros(4, 4)
    for one in drawn(structure, attentive, temperature, omit=OMITTED):
        found[tuple(one.sequence.tolist())] += 1
    assert chi_square(found, joint.mean(0)) < 37.7  # 15 degrees of freedom, p = 0.001
    assert chi_square(found, apart) > 100  # the test could tell residues that do not see each other


def test_tied_residues_follow_the_averaged_logits(bundle: Structure, predictor: Predictor) -> None:
    structure, temperature = pair(bundle), 0.3
    backbone = Backbone(structure, predictor)
    logits = backbone.logits(backbone.sequence, backbone.none_visible())[:, :4]
    for tie, mean in [("A:8=A:9", logits.mean(0)), ("A:8*3=A:9", 0.75 * logits[0] + 0.25 * logits[1])]:
        found = torch.zeros(4)
        for one in drawn(structure, predictor, temperature, ties=[tie], omit=OMITTED):
            assert one.sequence[0] == one.sequence[1]
            found[one.sequence[0]] += 1
        assert chi_square(found, (mean / temperature).softmax(-1)) < 16.3  # 3 degrees of freedom, p = 0.001


def test_the_own_sequence_of_designed_residues_is_never_visible(bundle: Structure, predictor: Predictor) -> None:
    blank = replace(bundle, residues=torch.full_like(bundle.residues, chemistry.RESIDUE_INDEX["ALA"]))
    one, other = (design(s, predictor=predictor, temperature=1.0, seed=9)[0] for s in (bundle, blank))
    assert torch.equal(one.residues, other.residues)


def test_what_is_kept_is_visible(bundle: Structure, predictor: Predictor) -> None:
    """Another context, another probability; an unknown residue in the context shows nothing."""
    residues = bundle.residues.clone()
    residues[:32] = (residues[:32] + 7) % 20
    unknown = torch.full_like(residues, chemistry.UNKNOWN)
    contexts = (bundle.residues, residues, unknown)
    found = [
        design(replace(bundle, residues=r), predictor=predictor, only="B:8", temperature=0.0)[0].log_likelihood
        for r in contexts
    ]
    backbone = Backbone(bundle, predictor)
    assert len({round(value, 5) for value in found}) == 3
    assert found[2] == pytest.approx(float(backbone.log_probs(backbone.none_visible())[39].max()), abs=1e-5)


def test_only_designed_residues_are_linked(bundle: Structure, predictor: Predictor) -> None:
    problem = problem_of(Backbone(bundle, predictor), Constraints.of(bundle, only="A:1-4, B:1"))
    linked = {i for i, others in enumerate(links(problem)) if others}
    assert linked <= {0, 1, 2, 3, 32}
