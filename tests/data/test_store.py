"""The store: what goes in comes out, damage is noticed, clusters stay whole, batches keep their budget."""

import itertools
from dataclasses import replace

import pytest
import torch

from protein_enn.data import Chain, Store, prepare
from protein_enn.data.batches import ResidueBudget, seeded_generator
from protein_enn.data.splits import check_leaks, split_of
from protein_enn.data.store import STEP, Record, write_store
from protein_enn.data.surroundings import with_surroundings
from protein_enn.graph.context import element_kinds
from protein_enn.structure import KINDS, HeteroAtoms
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
    pair = replace(given[3][0], model=given[3][0].atom14 + 0.3, model_mask=given[3][0].mask.clone())
    given[3] = (replace(pair, model=pair.model * pair.model_mask[..., None]), replace(given[3][1], kind="pair"))
    store = write_store(tmp_path / "store", given, {})
    for (chain, record), restored in zip(given, Store(store.folder), strict=True):
        assert restored.name == record.name
        assert torch.equal(restored.mask, chain.mask)
        assert torch.equal(restored.residues, chain.residues)
        assert torch.equal(restored.numbers, chain.numbers)
        assert (restored.atom14 - chain.atom14).abs().max() <= STEP / 2 + 1e-4
        assert (restored.model is None) == (chain.model is None)
        if chain.model is not None:
            assert (restored.model - chain.model).abs().max() <= STEP / 2 + 1e-4


def surrounded(seed: int = 0) -> Chain:
    """30 residues with 12 of another chain and 9 context atoms."""
    whole = random_structure((30, 12), seed=seed)
    generator = seeded_generator("context", seed)
    around = whole.ca[:9] + torch.randn(9, 3, generator=generator), torch.randint(1, 14, (9,), generator=generator)
    return Chain.of(whole.chain("A"), partners=whole.chain("B"), context=around)


def test_partners_and_context_come_back(tmp_path):
    """In a store with chains without any: rows and atoms of one are not those of another."""
    given = [surrounded(0), Chain.of(random_structure((25,), seed=7)), surrounded(1)]
    records = [Record(c.name, len(c), str(i), "train", "native") for i, c in enumerate(given)]
    store = write_store(tmp_path, zip(given, records, strict=True), {})
    assert [(r.length, r.partners, r.context_atoms) for r in store.records] == [(42, 12, 9), (25, 0, 0), (42, 12, 9)]
    for chain, restored in zip(given, store, strict=True):
        for name in ("own", "chains", "residues", "numbers", "context_kinds", "mask"):
            assert torch.equal(getattr(restored, name), getattr(chain, name)), name
        assert (restored.atom14 - chain.atom14).abs().max() <= STEP / 2 + 1e-4
        assert restored.context.shape == chain.context.shape
        torch.testing.assert_close(restored.context, chain.context, atol=STEP / 2 + 1e-4, rtol=0)


def test_the_error_of_an_old_store_tells_what_to_do(tmp_path):
    write_store(tmp_path, chains(), {})
    manifest = tmp_path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 2', '"version": 1'))
    with pytest.raises(ValueError, match=r"version 1, but 2 is understood; prepare it again"):
        Store(tmp_path)


def test_partners_and_context_keep_their_place_about_the_chain():
    whole = random_structure((30, 12))
    chain = Chain.of(whole.chain("A"), partners=whole.chain("B"), context=(whole.ca[:2] + 1.0, torch.tensor([1, 10])))
    assert chain.own.tolist() == [True] * 30 + [False] * 12
    center = whole.ca[:30].mean(0)
    torch.testing.assert_close(chain.atom14[:, 1], whole.ca - center)
    torch.testing.assert_close(chain.context, whole.ca[:2] + 1.0 - center)
    alone = chain.alone()
    plain = Chain.of(whole.chain("A"))
    assert torch.equal(alone.atom14, plain.atom14) and alone.own.all() and len(alone.context) == 0


def test_a_crop_keeps_own_residues_and_near_context_only():
    whole = random_structure((60, 60))
    context = torch.cat([whole.ca + 2.0, whole.ca + 500.0])
    chain = Chain.of(whole.chain("A"), partners=whole.chain("B"), context=(context, torch.ones(240).long()))
    for seed in range(5):
        crop = chain.cropped(20, seeded_generator(seed))
        assert len(crop) == 20 and crop.own.any() and len(crop.context)
        distances = (crop.context[:, None, None] - crop.atom14[:, :4]).norm(dim=-1).masked_fill(~crop.mask[:, :4], 1e9)
        assert distances.flatten(1).min(1).values.max() <= 10.0
        near = (chain.context[:, None, None] - crop.atom14[:, :4]).norm(dim=-1).masked_fill(~crop.mask[:, :4], 1e9)
        assert int((near.flatten(1).min(1).values <= 10.0).sum()) == len(crop.context)
    whole_chain = chain.cropped(80, seeded_generator(1))
    assert int(whole_chain.own.sum()) == 60 and len(whole_chain) == 80, "own residues come first"
    assert not chain.cropped(20, seeded_generator(3)).own.all() or not chain.cropped(20, seeded_generator(1)).own.all()


def test_surroundings_are_what_is_near_in_the_file():
    """A second chain 5 Å away, a third far off; zinc and water near, a ligand far, an atom of a modified residue."""
    first = random_structure((20,), seed=3)
    whole = random_structure((20, 20, 20), seed=3)
    positions = whole.positions.clone()
    away = torch.tensor([[0.0, 0, 0], [5.0, 0, 0], [300.0, 0, 0]])
    positions = (first.positions.repeat(3, 1, 1) + away.repeat_interleave(20, 0)[:, None]) * first.present.repeat(3, 1)[
        ..., None
    ]
    names = ("ZN", "O", "C", "P")
    kinds = torch.tensor([KINDS.index(k) for k in ("ion", "water", "ligand", "other")])
    hetero = HeteroAtoms(
        torch.stack([first.ca[4], first.ca[5], first.ca[6] + 90.0, first.ca[7]]) + 3.0, names, names,
        ("ZN", "HOH", "LIG", "SEP"), ("A:90", "A:91", "A:92", "A:8"), kinds, torch.zeros(4), torch.ones(4),
    )  # fmt: skip
    whole = replace(
        whole, positions=positions, present=first.present.repeat(3, 1), residues=first.residues.repeat(3), hetero=hetero
    )
    chain = with_surroundings(whole, "A")
    assert set(chain.chains[~chain.own].tolist()) == {1}
    assert chain.context_kinds.tolist() == element_kinds(["ZN"]).tolist()
    center = first.ca.mean(0)
    torch.testing.assert_close(chain.context, (first.ca[4] + 3.0 - center)[None])
    atoms = [positions[k * 20 : k * 20 + 20][first.present] for k in (0, 1)]
    least = (atoms[0][:, None] - atoms[1]).norm(dim=-1).min(0).values
    residue = first.present.nonzero()[:, 0]
    expected = {int(i) for i in residue[least <= 6.0]}
    assert chain.numbers[~chain.own].tolist() == [i + 1 for i in sorted(expected)]


def test_a_wide_chain_is_stored_with_a_coarser_step(tmp_path):
    chain = Chain.of(random_structure((30,)))
    atom14 = chain.atom14.clone()
    atom14[0] += 400.0 * chain.mask[0, :, None]
    record = Record("wide", 30, "0", "train", "native")
    restored = write_store(tmp_path, [(replace(chain, atom14=atom14), record)], {})[0]
    assert (restored.atom14 - atom14).abs().max() < 0.01


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


def test_a_split_is_the_same_whatever_else_is_there():
    assert split_of("4", 0.5, 0) == split_of("4", 0.5, 0)
    fraction = [split_of(str(i), 0.2, 0) for i in range(400)].count("val") / 400
    assert 0.1 < fraction < 0.3


def test_batches_keep_the_budget_one_member_a_cluster_and_depend_on_the_epoch_alone():
    records = [Record(f"{i}", 40 + i, f"{i // 3}", "train", "native") for i in range(30)]
    records += [Record(f"p{i}", 50, f"p{i}", "train", "pair") for i in range(30)]
    sampler = ResidueBudget(records, "train", budget=200, crop=100, seed=1, pair_fraction=0.5)
    batches = sampler.batches(3)
    assert batches == ResidueBudget(records, "train", budget=200, crop=100, seed=1, pair_fraction=0.5).batches(3)
    assert batches != sampler.batches(4)
    drawn = [i for items in batches for _, i in items]
    assert all(sum(records[i].length for _, i in items) <= 200 for items in batches)
    assert sorted(records[i].cluster for i in drawn if i < 30) == sorted({r.cluster for r in records[:30]})
    assert sum(i >= 30 for i in drawn) == 10
    with pytest.raises(ValueError, match="no chain in split 'test'"):
        ResidueBudget(records, "test", budget=200, crop=100, seed=1)


def test_batches_of_chains_of_all_lengths_are_nearly_full():
    lengths = torch.randint(40, 500, (400,), generator=seeded_generator("lengths")).tolist()
    records = [Record(f"c{i}", length, str(i), "train", "native") for i, length in enumerate(lengths)]
    sampler = ResidueBudget(records, "train", budget=1600, crop=500, seed=1)
    batches = sampler.batches(0)
    residues = [sum(lengths[i] for _, i in items) for items in batches]
    assert sorted(i for items in batches for _, i in items) == list(range(400))
    assert max(residues) <= 1600 and sum(residues) > 0.97 * 1600 * (len(batches) - 1)


def test_few_clusters_of_models_give_further_members_until_their_share_is_full():
    kinds = {"native": 20, "pair": 2, "template": 3}
    names = [(f"{kind}{i}", kind) for kind, count in kinds.items() for i in range(count)]
    records = [Record(f"{name}{j}", 50, name, "train", kind) for name, kind in names for j in "ab"]
    sampler = ResidueBudget(records, "train", budget=200, crop=100, seed=1, pair_fraction=0.3, template_fraction=0.2)
    drawn = [records[i] for items in sampler.batches(0) for _, i in items]
    counts = {kind: sum(r.kind == kind for r in drawn) for kind in kinds}
    assert counts == {"native": 20, "pair": 12, "template": 8}
    per_cluster = [sum(r.cluster == f"template{i}" for r in drawn) for i in range(3)]
    assert max(per_cluster) - min(per_cluster) <= 1
    without = [r for r in records if r.kind == "native"]
    alone = ResidueBudget(without, "train", budget=200, crop=100, seed=1, pair_fraction=0.3).batches(0)
    assert sum(map(len, alone)) == 20


def test_a_share_of_the_clusters_is_part_of_a_larger_one():
    records = [Record(f"c{i}", 20, str(i // 2), "train", "native") for i in range(40)]

    def used(fraction: float) -> set[str]:
        sampler = ResidueBudget(records, "train", budget=200, crop=100, seed=1, clusters=fraction)
        return {records[i].cluster for epoch in range(2) for items in sampler.batches(epoch) for _, i in items}

    assert [len(used(fraction)) for fraction in (0.01, 0.1, 0.5, 1.0)] == [1, 2, 10, 20]
    assert used(0.01) < used(0.1) < used(0.5)


def test_processes_share_the_batches_and_resume_where_they_stopped():
    records = [Record(f"c{i}", 60, str(i), "train", "native") for i in range(9)]

    def drawn(count: int, **options) -> list:
        return list(itertools.islice(ResidueBudget(records, "train", budget=100, crop=60, seed=1, **options), count))

    whole = drawn(24)  # more than two epochs
    assert drawn(12, process=(0, 2)) == whole[0::2] and drawn(12, process=(1, 2)) == whole[1::2]
    assert drawn(5, start=3, process=(1, 2)) == whole[7:16:2]
    assert drawn(5, start=10) == whole[10:15]


def test_a_crop_is_a_neighborhood_in_chain_order():
    chain = Chain.of(random_structure((60,)))
    crop = chain.cropped(20, seeded_generator(1))
    assert len(crop) == 20
    assert (crop.numbers[1:] > crop.numbers[:-1]).all()
    assert len(chain.cropped(100, seeded_generator(1))) == 60


def test_prepare_lists_what_it_cannot_use(tmp_path, examples):
    (tmp_path / "broken.pdb").write_text("not a structure\n")
    prepared = prepare([str(examples / "1bhl.pdb"), str(tmp_path / "broken.pdb")], tmp_path / "store")
    assert len(prepared.store) >= 1
    assert [file.split()[0] for file, _ in prepared.failed] == ["broken.pdb"]
    assert "broken.pdb" in (tmp_path / "store" / "failed.tsv").read_text()
    with pytest.raises(ValueError, match="no usable protein chain"):
        prepare([str(tmp_path / "broken.pdb")], tmp_path / "none")
