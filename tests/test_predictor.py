"""Weights on disk: saved and loaded again, damaged files and pickles refused."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from protein_enn.devices import choose_device
from protein_enn.models import build
from protein_enn.predictor import load_predictor, shipped, untrained
from protein_enn.testing import random_structure

SMALL = {"k": 6, "encoder_settings": {"layers": 1, "scalars": 16, "odd": 4, "channels": 4, "edges": 8, "hidden": 8}}


@pytest.mark.parametrize("task", ["design", "refinement"])
def test_saved_weights_load_to_the_same_predictor(task, tmp_path):
    predictor = untrained(task, SMALL, seed=3)
    path = predictor.save(tmp_path / "mine.safetensors")
    loaded = load_predictor(path, device="cpu")
    assert loaded.sha256 == predictor.sha256
    assert loaded.task == task and loaded.name == "mine"
    for (name, ours), theirs in zip(
        predictor.model.state_dict().items(), loaded.model.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs), name
    assert not loaded.model.training
    assert not any(p.requires_grad for p in loaded.model.parameters())


def test_weights_of_format_1_load_under_current_names(tmp_path):
    """In format 1 the first maps of the encoder were its own attributes, not those of `nodes`."""
    predictor = untrained("design", SMALL, seed=3)
    path = predictor.save(tmp_path / "old.safetensors")
    old = {k.replace("encoder.nodes.", "encoder."): v for k, v in predictor.model.state_dict().items()}
    assert "encoder.scalars.weight" in old
    path.write_bytes(save(old))
    info = json.loads(path.with_suffix(".json").read_text())
    info |= {"format": 1, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(info))
    loaded = load_predictor(path, device="cpu")
    for name, tensor in predictor.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    again = loaded.save(tmp_path / "new.safetensors")
    assert json.loads(again.with_suffix(".json").read_text())["format"] == 2
    assert load_predictor(again, device="cpu").sha256 == predictor.sha256


def test_damage_and_other_files_are_refused(tmp_path):
    path = untrained("design", SMALL).save(tmp_path / "w.safetensors")
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged file"):
        load_predictor(path, device="cpu")
    info = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**info, "format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        load_predictor(path, device="cpu")
    path.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="missing; weights are"):
        load_predictor(path, device="cpu")
    with pytest.raises(ValueError, match="pickled checkpoints are not read"):
        load_predictor(tmp_path / "model.ckpt", device="cpu")
    with pytest.raises(ValueError, match="no weights 'desing'"):
        load_predictor("desing", device="cpu")
    with pytest.raises(ValueError, match="no such file"):
        load_predictor(tmp_path / "none.safetensors", device="cpu")
    with pytest.raises(ValueError, match=r"\.safetensors"):
        untrained("design", SMALL).save(tmp_path / "w.bin")


def test_devices_and_settings_by_name():
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match="auto, cpu or cuda"):
        choose_device("gpu")
    with pytest.raises(ValueError, match="no task 'folding'"):
        build("folding", {})
    with pytest.raises(ValueError, match="did you mean 'encoder_settings'"):
        build("design", {"encoder_setting": {}})


def test_shipped_weights_load_and_work():
    assert {"design", "refinement"} <= set(shipped())
    structure = random_structure((20,))
    for name in ("design", "refinement"):
        predictor = load_predictor(name, device="cpu")
        graph = predictor.model.graph(structure)
        result = predictor.model.encode(graph).nodes if name == "design" else predictor.model(graph).displacement
        assert result.isfinite().all()


def test_a_predictor_depends_only_on_models() -> None:
    """Importing it loads nothing of training, of data, of the reading of files, and no trainer."""
    code = "import sys, protein_enn.predictor; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("protein_enn.")}
    subpackages = {name.split(".")[1] for name in loaded}
    inference = {"bonds", "chemistry", "embedding", "encoders", "geometry", "graph", "io", "models", "nn", "structure"}
    assert subpackages <= inference | {
        "predictor",
        "settings",
        "manifest",
        "version",
        "deprecated",
        "lazy",
        "devices",
        "kd_tree",
        "shared_library",
    }
    assert {name for name in loaded if name.startswith("protein_enn.io")} == {"protein_enn.io", "protein_enn.io.atomic"}
    assert not {"pytorch_lightning", "gemmi", "Bio", "biotite"} & {*done.stdout.split()}
    assert len(loaded) <= 104  # 145 when the predictor stood on tasks


def test_weights_are_given_by_name_or_path_where_a_predictor_is_taken(tmp_path: Path) -> None:
    import protein_enn as pe

    structure = random_structure((12,))
    path = load_predictor("design", device="cpu").save(tmp_path / "mine.safetensors")
    expected = pe.score(structure).mean
    assert pe.score(structure, predictor="design").mean == expected
    assert pe.score(structure, predictor=path).mean == expected
    assert pe.scan(structure, predictor="stability").weights == "stability"
    assert pe.pack(structure, predictor="packing").input is structure
    with pytest.raises(ValueError, match="designs"):
        pe.score(structure, predictor="designs")
    with pytest.raises(ValueError, match="refinement"):
        pe.score(structure, predictor="refinement")


def test_a_path_in_place_of_a_structure_is_refused_in_words() -> None:
    """In a process of its own, where shapes and types are not checked."""
    code = """
import protein_enn as pe
for call in (pe.score, pe.scan, pe.design, pe.refine, pe.pack):
    try:
        call("model.pdb")
    except TypeError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("'model.pdb' is no Structure: give a Structure: pe.read_structure(path)") == 5
