"""The store: what goes in comes out, damage is noticed, clusters stay whole, batches keep their budget."""

from dataclasses import replace

import pytest
import torch

from protein_enn.data import Chain, Store, prepare
from protein_enn.data.batches import ResidueBudget, seeded
from protein_enn.data.splits import check_leaks, cluster_by_words, split_of
from protein_enn.data.store import STEP, Record, write_store
from protein_enn.testing import random_structure


def chains(count: int = 6) -> list[tuple[Chain, Record]]:
    made = []
    for i in range(count):
        chain = Chain.of(replace(random_structure((30 + 5 * i,), seed=i), name=f"c{i}"))
        split = "val" if i == 0 else "train"
        made.append((chain, Record(chain.name, len(chain), f"cluster{i // 2 if i > 1 else i}", split, "native")))
    return made


def test_chains_come_back_to_half_a_step(tmp_path):
    given = chains()
    pair = replace(given[3][0], model=given[3][0].compact + 0.3, model_mask=given[3][0].mask.clone())
    given[3] = (replace(pair, model=pair.model * pair.model_mask[..., None]), replace(given[3][1], kind="pair"))
    store = write_store(tmp_path / "store", given, {})
    for (chain, record), found in zip(given, Store(store.folder), strict=True):
        assert found.name == record.name
        assert torch.equal(found.mask, chain.mask)
        assert torch.equal(found.residues, chain.residues)
        assert torch.equal(found.numbers, chain.numbers)
        assert (found.compact - chain.compact).abs().max() <= STEP / 2 + 1e-4
        assert (found.model is None) == (chain.model is None)
        if chain.model is not None:
            assert (found.model - chain.model).abs().max() <= STEP / 2 + 1e-4


def test_a_wide_chain_is_stored_with_a_coarser_step(tmp_path):
    chain = Chain.of(random_structure((30,)))
    compact = chain.compact.clone()
    compact[0] += 400.0 * chain.mask[0, :, None]
    record = Record("wide", 30, "0", "train", "native")
    found = write_store(tmp_path, [(replace(chain, compact=compact), record)], {})[0]
    assert (found.compact - compact).abs().max() < 0.01


def test_a_flipped_bit_is_noticed(tmp_path):
    write_store(tmp_path, chains(), {})
    shard = tmp_path / "shard-0000.safetensors"
    data = bytearray(shard.read_bytes())
    data[-7] ^= 1
    shard.write_bytes(data)
    with pytest.raises(ValueError, match=r"shard-0000.safetensors: missing or changed"):
        Store(tmp_path)
    with pytest.raises(ValueError, match="no manifest"):
        Store(tmp_path / "nowhere")


def test_a_cluster_in_two_splits_is_refused():
    records = [Record("a", 9, "7", "train", "native"), Record("b", 9, "7", "val", "native")]
    with pytest.raises(ValueError, match=r"cluster 7 is in train \(a\) and in val \(b\)"):
        check_leaks(records)
    check_leaks([replace(r, split="train") for r in records])


def test_similar_sequences_share_a_cluster_and_a_split():
    first = random_structure((80,), seed=1).sequence
    similar = first[:40] + "A" + first[41:]
    other = random_structure((80,), seed=2).sequence
    a, b, c = cluster_by_words([first, similar, other])
    assert a == b != c
    assert split_of("4", 0.5, 0) == split_of("4", 0.5, 0)
    shares = [split_of(str(i), 0.2, 0) for i in range(400)].count("val") / 400
    assert 0.1 < shares < 0.3


def test_batches_keep_the_budget_one_member_a_cluster_and_depend_on_the_epoch_alone():
    records = [Record(f"{i}", 40 + i, f"{i // 3}", "train", "native") for i in range(30)]
    records += [Record(f"p{i}", 50, f"p{i}", "train", "pair") for i in range(30)]
    sampler = ResidueBudget(records, "train", budget=200, crop=100, seed=1, pair_share=0.5)
    batches = sampler.batches(3)
    assert batches == ResidueBudget(records, "train", budget=200, crop=100, seed=1, pair_share=0.5).batches(3)
    assert batches != sampler.batches(4)
    drawn = [i for items in batches for _, i in items]
    assert all(sum(records[i].length for _, i in items) <= 200 for items in batches)
    assert sorted(records[i].cluster for i in drawn if i < 30) == sorted({r.cluster for r in records[:30]})
    assert sum(i >= 30 for i in drawn) == 10
    with pytest.raises(ValueError, match="no chain in split 'test'"):
        ResidueBudget(records, "test", budget=200, crop=100, seed=1)


def test_a_crop_is_a_neighbourhood_in_chain_order():
    chain = Chain.of(random_structure((60,)))
    crop = chain.cropped(20, seeded(1))
    assert len(crop) == 20
    assert (crop.numbers[1:] > crop.numbers[:-1]).all()
    assert len(chain.cropped(100, seeded(1))) == 60


def test_prepare_lists_what_it_cannot_use(tmp_path, examples):
    (tmp_path / "broken.pdb").write_text("not a structure\n")
    prepared = prepare([str(examples / "1bhl.pdb"), str(tmp_path / "broken.pdb")], tmp_path / "store")
    assert len(prepared.store) >= 1
    assert [file.split()[0] for file, _ in prepared.failed] == ["broken.pdb"]
    assert "broken.pdb" in (tmp_path / "store" / "failed.tsv").read_text()
    with pytest.raises(ValueError, match="no usable protein chain"):
        prepare([str(tmp_path / "broken.pdb")], tmp_path / "none")
