"""Labels of a store: what is written comes back, is resumed, and is not trusted blindly."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.data import Chain, Store, labels
from protein_enn.data.labels import (
    VIEWS,
    EncodedLabels,
    Labels,
    LabelSet,
    View,
    decode_log_probs,
    encode_labels,
    encode_log_probs,
    write_labels,
)
from protein_enn.data.store import Record, write_store
from protein_enn.testing import random_structure

TEACHER = {"name": "v_48_002", "sha256": "a" * 64}
ALONE = (1,)
"""Records that are labeled without their partners."""
SKIPPED = 2


def chain_of(seed: int) -> Chain:
    """Twelve residues of its own and six of a partner."""
    whole = replace(random_structure((12, 6), seed=seed), name=f"c{seed}")
    return replace(Chain.of(whole), own=torch.arange(18) < 12)


def made_store(folder: Path, count: int = 4, shift: int = 0) -> Store:
    chains = [chain_of(shift + i) for i in range(count)]
    records = [Record(chain.name, 18, str(i), "train", "native", partners=6) for i, chain in enumerate(chains)]
    return write_store(folder, list(zip(chains, records, strict=True)), {"source": "random"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return made_store(tmp_path / "store")


def log_probs_of(n: int, seed: int, spread: float = 2.0) -> torch.Tensor:
    return (spread * torch.randn(n, 20, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)


def answer(chain: Chain, number: int) -> Labels:
    """Something different in each view of each record."""
    n, views = len(chain), []
    for i in range(len(VIEWS)):
        generator = torch.Generator().manual_seed(10 * number + i)
        rank = torch.randperm(n, generator=generator)
        sequence = torch.randint(20, (n,), generator=generator)
        views.append(View(log_probs_of(n, 10 * number + i), chain.own.clone(), rank, sequence))
    return Labels(tuple(views), number in ALONE)


def teacher_input(store: Store, number: int) -> Chain:
    return store[number].take(store[number].own) if number in ALONE else store[number]


def labeler(store: Store, asked: list[int]) -> Callable[[list[int]], Iterator[EncodedLabels | str]]:
    """Notes in `asked` what it is asked for."""

    def label(numbers: list[int]) -> Iterator[EncodedLabels | str]:
        for number in numbers:
            asked.append(number)
            chain = teacher_input(store, number)
            yield "no backbone" if number == SKIPPED else encode_labels(chain, answer(chain, number))

    return label


def write(folder: Path, store: Store, records: Any = range(4), **changes: Any) -> tuple[int, list[int]]:
    asked: list[int] = []
    options = {"teacher": TEACHER, "condition": "clean", **changes}
    return write_labels(folder, store, records=records, label=labeler(store, asked), **options), asked


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_codes_come_back_within_half_a_step_and_normalized() -> None:
    log_probs = log_probs_of(4000, 0)
    codes = encode_log_probs(log_probs)
    again = decode_log_probs(codes)
    assert codes.dtype.itemsize == 1 and codes.shape == (4000, 20)
    torch.testing.assert_close(again.exp().sum(-1), torch.ones(4000))
    assert (again - log_probs.clamp(min=-12.75)).abs().max() < labels.STEP  # half a step, and what normalizing adds
    kl = (log_probs.exp() * (log_probs - again)).sum(-1)
    assert kl.mean() < 2e-4 and kl.max() < 2e-3


def test_what_hardly_ever_happens_has_the_last_code() -> None:
    log_probs = torch.tensor([[0.0, *[-200.0] * 18, -12.0]]).log_softmax(-1)
    codes = encode_log_probs(log_probs)
    assert codes[0].tolist() == [0, *[255] * 18, 240]
    assert decode_log_probs(codes)[0, 1] == pytest.approx(-12.75, abs=1e-3)


def test_each_view_of_each_record_comes_back(tmp_path: Path, store: Store) -> None:
    assert write(tmp_path / "l", store) == (3, [0, 1, 2, 3])
    stored = LabelSet(tmp_path / "l", store)
    assert (len(stored), stored.condition, stored.teacher) == (3, "clean", TEACHER)
    assert stored.skipped == {SKIPPED: "no backbone"} and SKIPPED not in stored
    for number in (0, 1, 3):
        chain = teacher_input(store, number)
        expected = answer(chain, number)
        assert number in stored and stored.alone(number) == expected.alone
        for i, view in enumerate(expected.views):
            shown = stored.with_labels(store[number], number, i)
            assert len(shown) == (12 if number in ALONE else 18) and shown.labels is not None
            assert (shown.labels - view.log_probs.clamp(min=-12.75)).abs().max() < labels.STEP
            for name, value in (("labeled", view.labeled), ("rank", view.rank), ("shown", view.sequence)):
                assert torch.equal(getattr(shown, name), value)
            assert torch.equal(shown.atom14, chain.atom14)


def test_a_run_that_was_killed_goes_on_and_leaves_the_same_bytes(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "SHARD_RESIDUES", 1)  # a shard for each record
    write(tmp_path / "whole", store)
    whole = contents(tmp_path / "whole")
    assert sorted(whole) == [
        "labels.json", *(f"shard-000{i}.{suffix}" for i in range(4) for suffix in ("json", "safetensors"))
    ]  # fmt: skip
    real = labels.write_text

    def killed(path: Path, text: str) -> None:
        if path.name == "shard-0003.json":
            raise KeyboardInterrupt
        real(path, text)

    monkeypatch.setattr(labels, "write_text", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "broken", store)
    monkeypatch.setattr(labels, "write_text", real)
    heard: list[tuple[int, int]] = []
    again = write(tmp_path / "broken", store, progress=lambda done, total: heard.append((done, total)))
    assert again == (1, [3]) and heard == [(1, 1)]  # record 2 was skipped, and is not tried again
    assert contents(tmp_path / "broken") == whole
    assert write(tmp_path / "broken", store) == (0, []) and contents(tmp_path / "broken") == whole


def test_more_records_are_added_in_shards_of_their_own(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "l", store, records=[3])
    first = contents(tmp_path / "l")
    assert write(tmp_path / "l", store, records=[1, 3, 0]) == (2, [1, 0])
    assert contents(tmp_path / "l").items() >= first.items()
    stored = LabelSet(tmp_path / "l", store)
    expected = answer(teacher_input(store, 0), 0).views[1]
    assert torch.equal(stored.with_labels(store[0], 0, 1).rank, expected.rank)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": {"name": "other", "sha256": "b" * 64}}, r"made by v_48_002 for 'clean', not by other"),
        ({"condition": "robust"}, r"not by v_48_002 for 'robust'; give another folder"),
    ],
)
def test_another_teacher_or_condition_needs_a_folder_of_its_own(
    tmp_path: Path, store: Store, changes: dict[str, Any], message: str
) -> None:
    write(tmp_path / "l", store)
    before = contents(tmp_path / "l")
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "l", store, **changes)
    assert contents(tmp_path / "l") == before


def test_labels_of_another_store_are_refused(tmp_path: Path, store: Store) -> None:
    write(tmp_path / "l", store)
    other = made_store(tmp_path / "other", shift=50)
    for refused in (lambda: LabelSet(tmp_path / "l", other), lambda: write(tmp_path / "l", other)):
        with pytest.raises(ValueError, match="labels of another store than"):
            refused()
    assert len(LabelSet(tmp_path / "l")) == 3  # by themselves they can be read


@pytest.mark.parametrize("what", ["one residue", "length"])
def test_a_chain_that_is_not_the_one_labeled_is_refused(tmp_path: Path, store: Store, what: str) -> None:
    write(tmp_path / "l", store)
    chain = store[0]
    if what == "length":
        chain = chain.take(torch.arange(17))
    else:
        residues = chain.residues.clone()
        residues[3] = chemistry.UNKNOWN
        chain = replace(chain, residues=residues)
    with pytest.raises(ValueError, match="the sequence of c0 differs from the one labeled; label again"):
        LabelSet(tmp_path / "l", store).with_labels(chain, 0, 0)


@pytest.mark.parametrize("what", ["flipped", "cut", "gone", "index", "no head", "version", "head"])
def test_damage_is_found(tmp_path: Path, store: Store, what: str) -> None:
    write(tmp_path / "l", store)
    shard, entry, head = (tmp_path / "l" / n for n in ("shard-0000.safetensors", "shard-0000.json", "labels.json"))
    data = shard.read_bytes()
    if what == "flipped":
        shard.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif what == "cut":
        shard.write_bytes(data[:100])
    elif what == "gone":
        shard.unlink()
    elif what == "index":
        entry.write_text(entry.read_text()[:50])
    elif what == "no head":
        head.unlink()
    elif what == "version":
        head.write_text(json.dumps({**json.loads(head.read_text()), "version": 0}))
    else:
        head.write_text('{"version": 1}')
    with pytest.raises(ValueError, match=r"protein-enn label|label again"):
        LabelSet(tmp_path / "l")


def test_a_shard_of_skipped_records_alone_can_be_read(tmp_path: Path, store: Store) -> None:
    assert write(tmp_path / "l", store, records=[SKIPPED]) == (0, [SKIPPED])
    stored = LabelSet(tmp_path / "l", store)
    assert len(stored) == 0 and stored.skipped == {SKIPPED: "no backbone"}
    assert write(tmp_path / "l", store, records=[SKIPPED]) == (0, [])
