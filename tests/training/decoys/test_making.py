"""From natives and models with natives to a store of decoys with their quality."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch
import yaml

from protein_enn import read_structure
from protein_enn.confidence.predict import ConfidenceEstimator
from protein_enn.data import Store, prepare
from protein_enn.data.quality import ERROR, LDDT, Quality, write_quality
from protein_enn.data.store import write_store
from protein_enn.evaluation.datasets import decoy_pairs
from protein_enn.models.confidence import DESCRIPTORS
from protein_enn.predictor import load_predictor
from protein_enn.training import train
from protein_enn.training.decoys import plan as planning
from protein_enn.training.decoys.making import make_decoys

TABLE = "split\tmodel\tmodel_chain\tnative\tnative_chain\tsource\n"


@pytest.fixture(scope="module")
def quality(tmp_path_factory) -> Quality:
    folder = tmp_path_factory.mktemp("decoys")
    for name in ("1bhl.pdb", "1bhl_perturbed.pdb"):
        shutil.copy(f"examples/{name}", folder / name)
    row = "\t".join(["train", "1bhl_perturbed.pdb", "A", "1bhl.pdb", "A", "here"])
    (folder / "decoys.tsv").write_text(TABLE + (row + "\n") * 8 + row.replace("train", "test") + "\n")
    prepare([str(folder / "1bhl.pdb")], folder / "natives", cluster="words")
    return make_decoys(folder, folder / "natives", folder / "out", made=2, seed=1)


def test_a_native_has_five_real_models_at_most(quality):
    kinds = [record.kind for record in quality.store.records]
    assert kinds.count("pair") == planning.MODELS_OF_A_NATIVE and len(kinds) == 7
    assert len({(record.cluster, record.split) for record in quality.store.records}) == 1, "one native, one cluster"


def test_the_quality_is_that_of_the_model(quality):
    assert quality.columns == (LDDT, ERROR, *DESCRIPTORS)
    chain = quality.with_quality(quality.store[0], 0)
    assert chain.quality is not None and chain.quality.shape == (len(chain), len(quality.columns))
    lddt, error = chain.quality[:, 0], chain.quality[:, 1]
    assert 0.3 < lddt.nanmean() < 0.95 and error.nanmean() > 0.2


def test_it_is_read_again_and_refused_when_the_store_changed(quality):
    again = Quality(Store(quality.store.folder))
    first, second = (q.with_quality(q.store[1], 1).quality for q in (quality, again))
    assert first is not None and second is not None and torch.equal(first.nan_to_num(9), second.nan_to_num(9))
    file = quality.store.folder / "quality-0000.safetensors"
    data = file.read_bytes()
    try:
        file.write_bytes(data[:-2])
        with pytest.raises(ValueError, match="protein-enn decoys"):
            Quality(quality.store)
    finally:
        file.write_bytes(data)


def test_validation_shares_no_cluster_with_training(quality):
    splits: dict[str, set[str]] = {}
    for record in quality.store.records:
        splits.setdefault(record.cluster, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())


def test_a_confidence_is_trained_on_them_and_fitted(quality, tmp_path):
    small = {"encoder_settings": {"layers": 1, "channels": 4, "edges": 16, "hidden": 32, "basis": 4}, "k": 8}
    settings = {"task": "confidence", "model": small, "max_steps": 2, "budget": 300, "warmup": 1, "clusters": 1.0}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({**settings, "pair_fraction": 0.5, "template_fraction": 0.3}))
    if not any(r.kind == "native" for r in quality.store.records):
        records = [replace(r, kind="native") if i == 6 else r for i, r in enumerate(quality.store.records)]
        store = write_store(tmp_path / "store", zip(quality.store, records, strict=True), {"source": "decoys"})
        values = [quality.with_quality(chain, i).quality for i, chain in enumerate(quality.store)]
        quality = write_quality(store, quality.columns, values)
    result = train(tmp_path / "small.yaml", tmp_path / "run", data=quality.store.folder, device="cpu", log=len)
    predictor = load_predictor(result.weights, "cpu")
    assert predictor.task == "confidence" and predictor.info["fitted"]["familiar_distance"] > 0
    assert predictor.model.feature_mean.abs().sum() > 0
    found = ConfidenceEstimator(predictor)(read_structure("examples/1bhl.pdb"))
    assert found.distance.isfinite().all() and found.distance.median() < 3


def test_descriptors_of_another_version_are_refused(quality, tmp_path):
    settings = {"task": "confidence", "model": {"descriptors": ["plddt_known"]}, "max_steps": 1}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(settings))
    with pytest.raises(ValueError, match="descriptors are not those of the model"):
        train(tmp_path / "other.yaml", tmp_path / "run", data=quality.store.folder, device="cpu")


def test_the_real_models_can_be_evaluated_on_by_their_split(quality):
    split = quality.store.records[0].split
    pairs = decoy_pairs(quality.store.folder, split)
    assert len(pairs) == planning.MODELS_OF_A_NATIVE
    assert pairs[0].model.name == "1bhl_perturbed.pdb" and pairs[0].model.is_file() and pairs[0].native.is_file()
