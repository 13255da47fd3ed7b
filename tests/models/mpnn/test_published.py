"""Published checkpoints: opened once, kept as safetensors; no code in a pickle is run."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251  (makes the file that must not be run)
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.evaluation.equivariance.subjects import subject_of
from protein_enn.models.mpnn.published import read_published
from protein_enn.predictor import load_predictor, untrained
from protein_enn.training.finetune import finetune
from tests.models.mpnn.reference import random_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small file of the published kind, and a cache for this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "weights" / "v_12_020.pt"
    path.parent.mkdir()
    torch.save(random_checkpoint(16, 1, 2, 12), path)
    return path


def test_a_published_file_becomes_a_predictor(checkpoint: Path) -> None:
    predictor = load_predictor(checkpoint, device="cpu")
    assert (predictor.task, predictor.name) == ("design", "v_12_020")
    assert predictor.info["architecture"] == "proteinmpnn" and predictor.info["license"] == "MIT"
    assert (
        predictor.info["training"] == {"noise": 0.2} and "10.1126/science.add2187" in predictor.info["data"]["source"]
    )
    assert predictor.info["config"] == {"k": 12, "hidden": 16, "encoder_layers": 1, "decoder_layers": 2}
    assert not predictor.model.training and not any(p.requires_grad for p in predictor.model.parameters())
    written = checkpoint.with_suffix(".safetensors")
    again = load_predictor(written, device="cpu")
    assert again.sha256 == predictor.sha256 and again.info["published"] == predictor.info["published"]
    saved = load_predictor(predictor.save(checkpoint.with_name("mine.safetensors")), device="cpu")
    assert saved.sha256 == predictor.sha256 and type(saved.model) is type(read_published(checkpoint))


def test_the_second_time_the_pickle_is_not_opened(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_predictor(checkpoint, device="cpu")

    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("the pickle was opened again")

    monkeypatch.setattr(torch, "load", refuse)
    assert load_predictor(checkpoint, device="cpu").sha256 == first.sha256


def test_another_checkpoint_of_that_name_or_a_damaged_copy_is_converted_again(checkpoint: Path) -> None:
    first = load_predictor(checkpoint, device="cpu")
    copy = checkpoint.with_suffix(".safetensors")
    data = bytearray(copy.read_bytes())
    data[-5] ^= 1
    copy.write_bytes(data)
    assert load_predictor(checkpoint, device="cpu").sha256 == first.sha256
    torch.save(random_checkpoint(16, 1, 2, 12, seed=5), checkpoint)
    assert load_predictor(checkpoint, device="cpu").sha256 != first.sha256


def test_weights_of_another_origin_are_not_overwritten(checkpoint: Path, tmp_path: Path) -> None:
    own = untrained("design", {"k": 4, "hidden": 16}).save(checkpoint.with_suffix(".safetensors"))
    before = own.read_bytes(), own.with_suffix(".json").read_bytes()
    predictor = load_predictor(checkpoint, device="cpu")
    assert predictor.info["architecture"] == "proteinmpnn" and predictor.name == "v_12_020"
    assert (own.read_bytes(), own.with_suffix(".json").read_bytes()) == before
    (kept,) = (tmp_path / "cache").rglob("v_12_020.safetensors")
    assert json.loads(kept.with_suffix(".json").read_text())["published"] == predictor.info["published"]
    assert load_predictor(checkpoint, device="cpu").sha256 == predictor.sha256


def test_a_folder_that_cannot_be_written_to(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from protein_enn import predictor as module

    write = module.write_all

    def denied(contents: dict[Path, bytes]) -> None:
        if checkpoint.parent in {path.parent for path in contents}:
            raise PermissionError(checkpoint.parent)
        write(contents)

    monkeypatch.setattr(module, "write_all", denied)  # root may write everywhere
    load_predictor(checkpoint, device="cpu")
    assert os.listdir(checkpoint.parent) == ["v_12_020.pt"]
    assert len(list((tmp_path / "cache").rglob("v_12_020.safetensors"))) == 1


class Payload:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_a_hostile_pickle_is_not_run(tmp_path: Path) -> None:
    for name, save in (("zip.pt", torch.save), ("plain.pt", lambda o, p: p.write_bytes(pickle.dumps(o)))):
        path, folder = tmp_path / name, tmp_path / f"made by {name}"
        save({"model_state_dict": Payload(folder), "num_edges": 48, "noise_level": 0.2}, path)
        with pytest.raises(ValueError, match="no published ProteinMPNN weights, or damaged"):
            load_predictor(path, device="cpu")
        assert not folder.exists()
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.99])
def test_a_truncated_file(checkpoint: Path, fraction: float) -> None:
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(data[: int(fraction * len(data))])
    with pytest.raises(ValueError, match=r"v_12_020\.pt: no published ProteinMPNN weights, or damaged"):
        load_predictor(checkpoint, device="cpu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features.node_embedding.weight": (16, 3), "features.edge_embedding.weight": (16, 167)}, "CA atoms alone"),
        ({"features.node_embedding.weight": (16, 3), "W_v.weight": (16, 16)}, "labels of a membrane"),
        ({"W_torsions.weight": (16, 16)}, "side-chain packer"),
        ({"W_s.weight": (33, 16)}, "weights of another network"),
        ({"W_e.weight": (16, 17)}, "weights of another network"),
        ({"decoder_layers.0.W1.weight": (16, 48)}, "weights of another network"),
    ],
)
def test_other_networks_are_named(checkpoint: Path, change: dict[str, tuple[int, ...]], message: str) -> None:
    content = random_checkpoint(16, 1, 2, 12)
    tensors = content["model_state_dict"]
    assert isinstance(tensors, dict)
    torch.save(
        {**content, "model_state_dict": {**tensors, **{k: torch.zeros(v) for k, v in change.items()}}}, checkpoint
    )
    with pytest.raises(ValueError, match=message):
        load_predictor(checkpoint, device="cpu")


@pytest.mark.parametrize("content", [{}, [], {"model_state_dict": 3, "num_edges": 4, "noise_level": 0.1}, "text"])
def test_other_contents(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="no published ProteinMPNN weights"):
        load_predictor(tmp_path / "x.pt", device="cpu")


def test_other_suffixes_stay_closed_and_missing_files_are_named(checkpoint: Path) -> None:
    for suffix in (".ckpt", ".pth", ".pkl"):
        other = checkpoint.with_suffix(suffix)
        shutil.copy(checkpoint, other)
        with pytest.raises(ValueError, match="pickled checkpoints are not read"):
            load_predictor(other, device="cpu")
    with pytest.raises(ValueError, match="no such file"):
        load_predictor(checkpoint.with_name("none.pt"), device="cpu")


def test_an_unknown_architecture_is_refused(checkpoint: Path) -> None:
    load_predictor(checkpoint, device="cpu")
    path = checkpoint.with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "architecture": "transformer"}))
    with pytest.raises(ValueError, match="no architecture 'transformer'"):
        load_predictor(checkpoint.with_suffix(".safetensors"), device="cpu")


def test_published_weights_are_neither_certified_nor_trained(checkpoint: Path, tmp_path: Path) -> None:
    predictor = load_predictor(checkpoint, device="cpu")
    with pytest.raises(ValueError, match="no certificate for weights of proteinmpnn"):
        subject_of(predictor, "float32", predictor.device)
    with pytest.raises(ValueError, match="published ones of proteinmpnn, which are not trained here"):
        finetune([], tmp_path / "out", base=str(checkpoint), device="cpu")


def test_the_command_line_takes_the_file(checkpoint: Path, examples: Path) -> None:
    arguments = ["score", str(examples / "1bhl.pdb"), "--weights", str(checkpoint), "--orders", "1", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["weights"] == "v_12_020" and row["scored"] == 135
    checkpoint.write_bytes(b"nothing")
    refused = CliRunner().invoke(app, arguments)
    assert refused.exit_code == 2 and "no published" in " ".join(refused.output.split())
