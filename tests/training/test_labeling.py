"""Labels of a small ProteinMPNN: its predictions, in each view, for the chains that are to be labeled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from protein_enn import chemistry
from protein_enn.data import Chain, Store
from protein_enn.data.batches import seeded_generator
from protein_enn.data.labels import VIEWS, LabelSet
from protein_enn.data.store import Record, write_store
from protein_enn.models.mpnn.graph import BackboneGraph, graph_of_backbone
from protein_enn.models.mpnn.network import MPNN
from protein_enn.models.mpnn.published import read_published
from protein_enn.testing import random_structure
from protein_enn.training import labeling
from protein_enn.training.labeling import known_condition, label_store, rounds, sample_sequence, views

OXYGEN = 3
"""Of the atom14 layout's atoms N, CA, C, O."""


def chain_of(name: str, own: int, partner: int = 0, seed: int = 0) -> Chain:
    lengths = (own, partner) if partner else (own,)
    whole = replace(random_structure(lengths, seed=seed), name=name)
    return replace(Chain.of(whole), own=torch.arange(own + partner) < own)


def without_oxygen(chain: Chain, rows: Any) -> Chain:
    mask = chain.mask.clone()
    mask[rows, OXYGEN] = False
    return replace(chain, mask=mask, atom14=chain.atom14 * mask[..., None])


def unknown(chain: Chain) -> Chain:
    return replace(chain, residues=torch.full_like(chain.residues, chemistry.UNKNOWN))


CHAINS = {
    "val": (chain_of("val", 12, 8, seed=1), "val", "native"),
    "plain": (chain_of("plain", 14, seed=2), "train", "native"),
    "complex": (without_oxygen(chain_of("complex", 16, 8, seed=3), [4, 20]), "train", "native"),
    "bare": (without_oxygen(chain_of("bare", 10, seed=4), slice(None)), "train", "native"),
    "designed": (unknown(chain_of("designed", 13, seed=5)), "train", "designed"),
    "pair": (chain_of("pair", 9, seed=6), "train", "pair"),
}
NUMBERS = {name: number for number, name in enumerate(CHAINS)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = [
        (chain, Record(name, len(chain), name, split, kind, partners=int((~chain.own).sum())))
        for name, (chain, split, kind) in CHAINS.items()
    ]
    return write_store(tmp_path / "store", made, {"source": "random"})


@pytest.fixture(scope="module")
def teacher(make_teacher: Callable[..., Path]) -> Path:
    return make_teacher()


@pytest.fixture(scope="module")
def network(teacher: Path) -> MPNN:
    return read_published(teacher).eval().requires_grad_(False)


def label(store: Store, teacher: Path, out: Path, **changes: Any) -> LabelSet:
    options = {"condition": "clean", "workers": 1, **changes}
    label_store(store.folder, teacher, out, **options)
    return LabelSet(out, store)


def graph_of(chain: Chain, network: MPNN) -> BackboneGraph:
    return graph_of_backbone(chain.atom14[:, :4], chain.mask[:, :4], chain.chains, chain.numbers, network.config.k)


def predicted(network: MPNN, chain: Chain, sequence: Tensor, rank: Tensor) -> Tensor:
    """The network's prediction for the nodes of a chain."""
    graph = graph_of(chain, network)
    before = rank[graph.rows]
    visible = graph.neighbor_mask & (before[graph.neighbors] < before[:, None])
    return network.logits(network.encode(graph), sequence[graph.rows], visible).log_softmax(-1)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p.exp() * (p - q)).sum(-1)


@pytest.mark.parametrize("name", ["plain", "complex", "designed"])
def test_views_are_predictions_of_the_network(network: MPNN, name: str) -> None:
    chain = CHAINS[name][0]
    nodes = graph_of(chain, network).rows
    for view in views(network, chain, seeded_generator(0)):
        direct = predicted(network, chain, view.sequence, view.rank)
        torch.testing.assert_close(view.log_probs[nodes], direct, atol=1e-4, rtol=0)
        assert view.labeled.nonzero()[:, 0].tolist() == [i for i in nodes.tolist() if chain.own[i]]


def test_views_differ_as_their_names_say(network: MPNN) -> None:
    chain = without_oxygen(chain_of("large", 200, 60, seed=7), [3, 5, 230])
    none, native, mixed = views(network, chain, seeded_generator(1))
    assert not none.rank.any() and torch.equal(none.sequence, chain.residues)
    assert torch.equal(native.sequence, chain.residues)
    for view in (native, mixed):
        assert view.rank.sort().values.tolist() == list(range(260))
    assert not torch.equal(native.rank, mixed.rank)
    replaced = mixed.sequence != chain.residues
    assert 0.2 < replaced[:200].float().mean() < 0.33  # 30 %, less those that are drawn as they are
    assert not replaced[200:].any() and not replaced[[3, 5]].any()


def test_replaced_residues_are_draws_of_the_teacher(network: MPNN, monkeypatch: pytest.MonkeyPatch) -> None:
    """With sharp probabilities the most probable letter replaces each letter."""
    monkeypatch.setattr(labeling, "REPLACED", 1.0)
    sure = network.logits_by_order
    monkeypatch.setattr(network, "logits_by_order", lambda *inputs: 1e4 * sure(*inputs))
    chain = CHAINS["complex"][0]
    _, native, mixed = views(network, chain, seeded_generator(2))
    expected = torch.where(native.labeled, native.log_probs.argmax(-1), chain.residues)
    assert torch.equal(mixed.sequence, expected) and not torch.equal(mixed.sequence, chain.residues)


@pytest.mark.parametrize("alone", [0.0, 1.0])
def test_stored_labels_are_predictions_of_the_network(
    tmp_path: Path, store: Store, teacher: Path, network: MPNN, alone: float
) -> None:
    found = label(store, teacher, tmp_path / "l", alone=alone)
    assert len(found) == 4 and found.teacher["name"] == "v_48_002" and found.condition == "clean"
    for name in ("val", "plain", "complex", "designed"):
        number = NUMBERS[name]
        by_itself = name == "val" or (name == "complex" and alone == 1.0)
        assert found.alone(number) == by_itself
        for i in range(len(VIEWS)):
            shown = found.with_labels(store[number], number, i)
            assert shown.labels is not None and shown.rank is not None and shown.shown is not None
            assert len(shown) == (CHAINS[name][0].own.sum() if by_itself else len(CHAINS[name][0]))
            nodes = graph_of(shown, network).rows
            assert kl(predicted(network, shown, shown.shown, shown.rank), shown.labels[nodes]).mean() < 0.01
            assert (shown.shown[nodes] < chemistry.UNKNOWN).all()


def test_what_cannot_be_labeled_is_skipped_once(tmp_path: Path, store: Store, teacher: Path) -> None:
    found = label(store, teacher, tmp_path / "l")
    assert found.skipped == {NUMBERS["bare"]: "bare: no residue with N, CA, C and O"}
    assert NUMBERS["bare"] not in found and NUMBERS["pair"] not in found
    before = contents(tmp_path / "l")
    heard: list[int] = []
    again = label_store(
        store.folder, teacher, tmp_path / "l", condition="clean", progress=lambda done, total: heard.append(total)
    )
    assert again == 0 and not heard and contents(tmp_path / "l") == before


def test_a_stopped_run_and_more_workers_leave_the_same_bytes(
    tmp_path: Path, store: Store, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protein_enn.data.labels.SHARD_RESIDUES", 20)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    label(store, teacher, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        label(store, teacher, tmp_path / "stopped", progress=stop)
    assert len(contents(tmp_path / "stopped")) == 3 < len(contents(tmp_path / "whole"))
    label(store, teacher, tmp_path / "stopped", workers=2)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")
    label(store, teacher, tmp_path / "other", seed=1)
    assert contents(tmp_path / "other") != contents(tmp_path / "whole")


def test_drawn_residues_are_the_most_probable_when_it_is_cold(network: MPNN) -> None:
    chain = without_oxygen(unknown(chain_of("designed", 30, 6, seed=8)), [2])
    graph = graph_of(chain, network)
    encoding = network.encode(graph)
    drawn = sample_sequence(network, graph, encoding, len(chain), 1e-6, seeded_generator(3))
    assert drawn[2] == chemistry.UNKNOWN and (drawn[graph.rows] < chemistry.UNKNOWN).all()
    # The same draws of the generator give the order.
    generator = seeded_generator(3)
    color = labeling.coloring(labeling._linked(graph), torch.randperm(len(graph.rows), generator=generator))
    rank = torch.randperm(int(color.max()) + 1, generator=generator)[color]
    neighbors = graph.neighbors
    assert not ((rank[neighbors] == rank[:, None]) & graph.neighbor_mask).any()
    visible = graph.neighbor_mask & (rank[neighbors] < rank[:, None])
    logits = network.logits(encoding, drawn[graph.rows], visible)
    assert torch.equal(drawn[graph.rows], logits.argmax(-1))


def test_sampled_sequences_follow_the_generator_and_the_temperature(network: MPNN) -> None:
    graph = graph_of(unknown(chain_of("designed", 40, seed=9)), network)
    encoding = network.encode(graph)

    def draw(temperature: float, seed: int) -> Tensor:
        return sample_sequence(network, graph, encoding, 40, temperature, seeded_generator(seed))

    assert torch.equal(draw(1.0, 0), draw(1.0, 0)) and not torch.equal(draw(1.0, 0), draw(1.0, 1))
    hot = torch.stack([draw(1e3, seed) for seed in range(5)])
    assert len(hot.unique()) == 20 and hot.flatten().bincount().max() < 30  # as good as uniform


def records_of(*kinds: tuple[str, str, str]) -> list[Record]:
    return [Record(f"r{i}", 20, cluster, split, kind) for i, (split, kind, cluster) in enumerate(kinds)]


def test_rounds_take_one_of_each_cluster_first() -> None:
    native, designed = [("train", "native", c) for c in "aaab"], [("train", "designed", c) for c in "dd"]
    records = records_of(*designed, *native, ("val", "native", "v"), ("test", "native", "t"), ("train", "pair", "p"))
    order = rounds(records, 1.0, 0)
    assert order[0] == 6 and sorted(order[1:3]) != [2, 3] and 5 in order[1:3] and len({*order[1:3]} & {2, 3, 4}) == 1
    assert {*order[1:5]} == {2, 3, 4, 5} and {*order[5:]} == {0, 1}
    assert order == rounds(records, 1.0, 0) and len({tuple(rounds(records, 1.0, s)) for s in range(9)}) > 1


def test_a_fraction_is_of_each_cluster_and_never_of_validation() -> None:
    kinds = [("train", "native", "a")] * 10 + [("train", "native", "b")] + [("val", "native", "v")] * 4
    chosen = rounds(records_of(*kinds), 0.3, 0)
    assert len([i for i in chosen if i < 10]) == 3 and 10 in chosen and {11, 12, 13, 14} <= {*chosen}
    assert {*rounds(records_of(*kinds), 0.1, 0)} < {*chosen}


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        ("vanilla_model_weights/v_48_002.pt", "clean"),
        ("v_48_020.pt", "robust"),
        ("soluble_model_weights/v_48_020.pt", "soluble"),
        ("weights/solublempnn_v_48_020.pt", "soluble"),
        ("v_48_010.pt", None),
        ("mine.pt", None),
    ],
)
def test_published_files_have_their_conditions(path: str, condition: str | None) -> None:
    assert known_condition(path) == condition


def test_what_is_no_store_or_no_teacher_is_refused(
    tmp_path: Path, store: Store, teacher: Path, make_teacher: Callable[..., Path]
) -> None:
    with pytest.raises(ValueError, match="weights of LigandMPNN do not label"):
        label(store, make_teacher("ligand", context=4), tmp_path / "l")
    (tmp_path / "words.pt").write_text("words")
    with pytest.raises(ValueError, match="no published ProteinMPNN weights"):
        label(store, tmp_path / "words.pt", tmp_path / "l")
    with pytest.raises(ValueError, match=r"no manifest\.json"):
        label_store(tmp_path, teacher, tmp_path / "l", condition="clean")
    assert not (tmp_path / "l").exists()
