"""ProteinMPNN under the contract of scores equals its formulas computed residue by residue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.models.decoding import Sets
from protein_enn.packing.rebuild import with_oxygen
from protein_enn.scoring import design, scan, score, score_mutants
from protein_enn.scoring.backbone import Backbone
from protein_enn.structure import Structure
from tests.models.mpnn.conftest import COLUMNS, Pair, protein_of
from tests.models.mpnn.reference import Protein, Reference

CLOSE = 1e-4


def expected(reference: Reference, protein: Protein, order: list[int] | None) -> Tensor:
    return reference.logits(protein, order)[:, COLUMNS].log_softmax(-1).float()


def decode_last(reference: Reference, protein: Protein, rank: Tensor, last: list[int]) -> Tensor:
    """Log-probabilities of the nodes `last`, in their order, after all others in the order of `rank`."""
    order = [i for i in rank.argsort().tolist() if i not in last]
    return expected(reference, protein, order + last)[last]


def test_every_mode_and_order(broken: Structure, pair: Pair) -> None:
    predictor, reference = pair
    protein, rows = protein_of(broken)
    backbone = Backbone(broken, predictor)
    assert torch.equal(backbone.rows, rows) and len(rows) == len(broken) - 2
    ours = backbone.log_probs(backbone.none_visible())
    torch.testing.assert_close(ours[rows], expected(reference, protein, None), atol=CLOSE, rtol=0)
    for rank in backbone.decoding_ranks(2, seed=3):
        rank = torch.where(backbone.scored, rank, rank - len(rank))
        theirs = expected(reference, protein, rank.argsort().tolist())
        ours = backbone.log_probs(backbone.earlier_visible(rank))
        torch.testing.assert_close(ours[rows], theirs, atol=CLOSE, rtol=0)
        assert ours[5].isnan().all() and ours[17].isnan().all()


def test_given_residues_depend_on_each_other_in_order(broken: Structure, pair: Pair) -> None:
    """Half of the residues given: they come first, in the drawn order, and are visible with their states."""
    predictor, reference = pair
    protein, rows = protein_of(broken)
    backbone = Backbone(broken, predictor, torch.arange(len(broken)) % 2 == 0)
    (rank,) = backbone.decoding_ranks(1, seed=1)
    order = sorted(range(len(rows)), key=lambda i: (bool(backbone.scored[i]), int(rank[i])))
    ours = backbone.log_probs(backbone.earlier_visible(rank))[rows]
    torch.testing.assert_close(ours, expected(reference, protein, order), atol=CLOSE, rtol=0)


@pytest.mark.parametrize("decoders", [1, 2, 3, 4])
def test_single_is_decoding_last(broken: Structure, make_pair: Callable[..., Pair], decoders: int) -> None:
    predictor, reference = make_pair(decoders=decoders)
    protein, rows = protein_of(broken)
    backbone = Backbone(broken, predictor)
    ours = backbone.single()[rows]
    for i in range(0, len(rows), 3):
        (theirs,) = decode_last(reference, protein, backbone.base, [i])
        torch.testing.assert_close(ours[i], theirs, atol=CLOSE, rtol=0)


def test_sets_of_nodes_come_last_in_their_order(broken: Structure, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """As other residues, and in batches of any size."""
    predictor, reference = pair
    protein, _ = protein_of(broken)
    backbone = Backbone(broken, predictor)
    theirs, of, members, identities, ranks = [], [], [], [], []
    for k, nodes in enumerate([[3, 4], [20], [9, 10, 8], [0, 30, 1], [7, 22]]):
        become = [(5 * k + 3 * m) % 20 for m in range(len(nodes))]
        sequence = protein.sequence.clone()
        sequence[nodes] = torch.tensor([COLUMNS[a] for a in become])
        log_probs = decode_last(reference, replace(protein, sequence=sequence), backbone.base, nodes)
        for m in sorted(
            range(len(nodes)), key=lambda m: (m * 7 + k) % 5
        ):  # listed in another order than that of decoding
            of.append(k)
            members.append(nodes[m])
            identities.append(become[m])
            ranks.append(m)
            theirs.append(log_probs[m])
    sets = Sets(*(torch.tensor(values) for values in (of, members, identities, ranks)))
    for size in (128, 1):
        monkeypatch.setattr("protein_enn.models.mpnn.decoding.BATCH_NODES", size)
        ours = backbone.last(sets).log_softmax(-1)
        torch.testing.assert_close(ours, torch.stack(theirs), atol=CLOSE, rtol=0)


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fixed": {"fixed": "chain A", "samples": 2},
    "tied": {"ties": ["B:93-95=B:100-102"], "bias": "W:-2", "omit": "C"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_samples_report_the_likelihood_of_their_order(broken: Structure, pair: Pair, setting: str) -> None:
    predictor, reference = pair
    broken = with_oxygen(broken)  # as `design` does
    first = int(broken.numbers[broken.chains == 1][0])
    options = {**SETTINGS[setting]}
    if "ties" in options:
        options["ties"] = [f"B:{first + 2}-{first + 4}=B:{first + 9}-{first + 11}"]
    protein, rows = protein_of(broken)
    base = Backbone(broken, predictor).base
    for one in design(broken, predictor=predictor, temperature=1.0, **options):
        lacking = ~broken.present[:, list(chemistry.BACKBONE)].all(1)
        assert lacking.any() and not one.designed[lacking].any()
        assert torch.equal(one.residues[lacking], broken.residues[lacking])
        keys = torch.where(one.designed[rows], one.order[rows], -len(rows) + base - 1)
        letters = protein_of(replace(broken, residues=one.residues))[0].sequence
        theirs = simultaneous(reference, replace(protein, sequence=letters), keys)
        ours = one.log_probs[rows]
        own = theirs.gather(1, one.residues[rows].clamp(max=19)[:, None])[:, 0]
        drawn = one.designed[rows]
        torch.testing.assert_close(ours[drawn], own[drawn], atol=CLOSE, rtol=0)
        assert ours[~drawn].isnan().all() and drawn.any()


def simultaneous(reference: Reference, protein: Protein, keys: Tensor) -> Tensor:
    """Log-probabilities when nodes of one key are decoded together, each without the identities of the others."""
    result = torch.zeros(len(keys), 20)
    steps = [(keys == key).nonzero()[:, 0].tolist() for key in keys.unique().tolist()]
    order = [i for step in steps for i in step]
    result = expected(reference, protein, order)
    for step in steps:  # tied nodes must not depend on each other
        if len(step) > 1:
            start = order.index(step[0])
            for i in step:
                result[i] = expected(reference, protein, [*order[:start], i])[i]
    return result


def test_estimators_agree_with_each_other(broken: Structure, pair: Pair) -> None:
    """One mutation scores as in a scan, under every estimator; a residue alone has no torsions."""
    predictor, _ = pair
    scans = {e: scan(broken, predictor=predictor, estimator=e) for e in ("single", "ddg_like", "own_backbone")}
    assert torch.equal(scans["ddg_like"].scores.isnan(), scans["single"].scores.isnan())
    torch.testing.assert_close(scans["ddg_like"].scores, scans["own_backbone"].scores, equal_nan=True)
    assert scans["single"].scores[[5, 17, 11]].isnan().all()
    i = 30
    name = f"B:{broken.sequence[i]}{int(broken.numbers[i])}" + ("W" if broken.sequence[i] != "W" else "A")
    for estimator, ours in scans.items():
        (mutant,) = score_mutants(broken, name, predictor=predictor, estimator=estimator).mutants
        assert mutant.score == pytest.approx(float(ours.scores[i, chemistry.AMINO_ACIDS.index(name[-1])]), abs=1e-5)


def test_alone_is_a_protein_of_one(broken: Structure, pair: Pair) -> None:
    predictor, reference = pair
    protein, rows = protein_of(broken)
    single, like = (scan(broken, predictor=predictor, estimator=e).scores for e in ("single", "ddg_like"))
    i = 25
    alone = Protein(protein.atoms[[i]], protein.numbers[[i]], protein.chains[[i]], protein.sequence[[i]])
    (theirs,) = expected(reference, alone, None)
    theirs = theirs - theirs[broken.residues[rows[i]]]
    torch.testing.assert_close((single - like)[rows[i]], theirs, atol=CLOSE, rtol=0)


def test_a_residue_without_o_is_left_out(broken: Structure, pair: Pair) -> None:
    predictor, _ = pair
    ours = score(broken, predictor=predictor, orders=2)
    assert not ours.scored[[5, 11, 17]].any() and int(ours.scored.sum()) == len(broken) - 3
    lacking = broken.residue_id(5)
    chain, number = lacking.split(":")
    name = f"{chain}:{broken.sequence[5]}{number}{'W' if broken.sequence[5] != 'W' else 'A'}"
    with pytest.raises(ValueError, match=f"{lacking} lacks one of N, CA, C, O"):
        score_mutants(broken, name, predictor=predictor)
    present = broken.present.clone()
    present[:, chemistry.ATOM_INDEX["O"]] = False
    with pytest.raises(ValueError, match="N, CA, C and O"):
        score(replace(broken, present=present), predictor=predictor)


def test_gradients_take_the_path_without_overwriting(broken: Structure, pair: Pair) -> None:
    predictor, _ = pair
    model: Any = predictor.model
    graph = model.graph(broken)
    sequence, visible = broken.residues[graph.rows], graph.neighbor_mask & (graph.neighbors < 20)
    with torch.inference_mode():
        theirs = model.logits(model.encode(graph), sequence, visible)
    model.requires_grad_(True)
    try:
        ours = model.logits(model.encode(graph), sequence, visible)
        ours.square().sum().backward()
        gradients = [p.grad for p in model.parameters()]
    finally:
        model.requires_grad_(False)
        model.zero_grad()
    torch.testing.assert_close(ours.detach(), theirs, atol=1e-5, rtol=0)
    assert all(g is not None and g.isfinite().all() for g in gradients)
