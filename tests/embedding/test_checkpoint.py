"""Checkpoints: no code in them is run, messages name what is missing, the two packages `esm` are distinguished."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from protein_enn.embedding import checkpoint, load_language_model
from protein_enn.embedding.checkpoint import find_checkpoint

NAME = "esm2_t6_8M_UR50D"


class Hostile:
    """When it is unpickled it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path, esm2_checkpoint: Path) -> None:
    good = torch.load(esm2_checkpoint, weights_only=False)
    for key in ("cfg", "model", "extra"):
        path, trace = tmp_path / "hostile.pt", tmp_path / "it-ran"
        torch.save({**good, key: Hostile(trace)}, path)
        with pytest.raises(ValueError, match="hold code, which is never run"):
            load_language_model(path)
        assert not trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_both_file_formats_of_torch_are_read(tmp_path: Path, esm2_checkpoint: Path, zipped: bool) -> None:
    path = tmp_path / "esm2_other.pt"
    torch.save(torch.load(esm2_checkpoint, weights_only=False), path, _use_new_zipfile_serialization=zipped)
    ours, same = load_language_model(path), load_language_model(esm2_checkpoint)
    assert torch.equal(ours.embed(["MKT"])[0], same.embed(["MKT"])[0]) and ours.sha256 != same.sha256


def corrupted(content: dict[str, Any], what: str) -> Any:
    cfg, model = content["cfg"]["model"], content["model"]
    if what == "settings":
        return {**content, "cfg": {"model": argparse.Namespace(encoder_layers=10**9)}}
    if what == "sizes":
        return {**content, "cfg": {"model": argparse.Namespace(**{**vars(cfg), "encoder_layers": 3})}}
    if what == "tensors":
        return {**content, "model": dict(list(model.items())[:-4])}
    return {"args": cfg, "model": model} if what == "older" else [1, 2]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("settings", "not the settings"),
        ("sizes", "do not fit"),
        ("tensors", "do not fit"),
        ("older", "neither an ESM-2"),
        ("list", "neither an ESM-2"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, esm2_checkpoint: Path, what: str, message: str) -> None:
    path = tmp_path / "corrupted.pt"
    torch.save(corrupted(torch.load(esm2_checkpoint, weights_only=False), what), path)
    with pytest.raises(ValueError, match=message):
        load_language_model(path)


def test_a_damaged_file_is_refused(tmp_path: Path, esm2_checkpoint: Path) -> None:
    data = esm2_checkpoint.read_bytes()
    for part in (data[: len(data) // 2], b"", b"nothing"):
        (tmp_path / "cut.pt").write_bytes(part)
        with pytest.raises(ValueError, match="damaged"):
            load_language_model(tmp_path / "cut.pt")


def test_names_are_looked_up_and_downloaded_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    requests: list[str] = []

    def offline(url: str, path: str, progress: bool) -> None:
        requests.append(url)
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ValueError, match=r"such file.*esm2_t6_8M_UR50D"):
        find_checkpoint("esm9")
    with pytest.raises(ValueError, match=rf"not in {tmp_path}.*--download.*https://\S+{NAME}.pt"):
        find_checkpoint(NAME)
    assert not requests
    with pytest.raises(ValueError, match=r"could not be downloaded \(no route\).*copy it here"):
        find_checkpoint(NAME, download=True)
    assert requests == [checkpoint.ADDRESS.format(name=NAME)]
    (tmp_path / "checkpoints" / f"{NAME}.pt").write_bytes(b"whole")
    assert find_checkpoint(NAME, download=True).read_bytes() == b"whole" and len(requests) == 1


ESMC = '''
import types
import torch
from torch import nn

class ESMC(nn.Module):
    """Only the interface of the real one, and its parameter names: a residue's features are its own embedding."""

    def __init__(self, d_model, n_heads, n_layers, tokenizer, use_flash_attn=True):
        super().__init__()
        assert (d_model, n_heads, tokenizer, use_flash_attn) == (64, 1, None, False)
        self.embed = nn.Embedding(64, d_model)
        self.transformer = nn.Module()
        self.transformer.blocks = nn.ModuleList(Block() for _ in range(n_layers))
        self.register_buffer("frequencies", torch.ones(2), persistent=False)  # in no file, as in the real one

    def forward(self, sequence_tokens=None, sequence_id=None):
        assert sequence_id.dtype == torch.bool and torch.equal(sequence_id, sequence_tokens != 1)
        return types.SimpleNamespace(embeddings=self.embed(sequence_tokens) * self.frequencies[0])

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.Module()
        self.attn.layernorm_qkv = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 192, bias=False))
'''
VOCABULARY = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-|", "<mask>"]


@pytest.fixture
def evolutionary_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """A substitute for EvolutionaryScale's package, installed in place of fair-esm; gives the class of its model."""
    files = {
        "esm/__init__.py": "",
        "esm/sdk/__init__.py": "",
        "esm/models/__init__.py": "",
        "esm/models/esmc.py": ESMC,
        "esm/utils/__init__.py": "",
        "esm/utils/constants/__init__.py": "",
        "esm/utils/constants/esm3.py": f"SEQUENCE_VOCAB = {VOCABULARY!r}\n",
    }
    for name, text in files.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "esm"}
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield lambda: importlib.import_module("esm.models.esmc").ESMC
    for name in [name for name in sys.modules if name.split(".")[0] == "esm"]:
        del sys.modules[name]
    sys.modules.update(before)


def test_esm_c_is_read_with_its_package(tmp_path: Path, evolutionary_scale: Callable[[], Any]) -> None:
    network = evolutionary_scale()(64, 1, 2, None, False)
    torch.save(network.state_dict(), tmp_path / "esmc_small.pth")
    model = load_language_model(tmp_path / "esmc_small.pth")
    assert model.identity["name"] == "esmc_small" and model.width == 64
    hidden = torch.tensor([False, True])
    (features,), expected = model.embed(["KL"], [hidden]), network.embed.weight[[15, 32]]  # K and a mask
    assert torch.equal(features, expected.detach())


def test_a_checkpoint_for_the_other_package_is_named(
    esm2_checkpoint: Path, evolutionary_scale: Callable[[], Any]
) -> None:
    with pytest.raises(ValueError, match=r"ESM-2 checkpoint.*EvolutionaryScale's esm.*protein-enn\[esm\]"):
        load_language_model(esm2_checkpoint)


def test_esm_c_without_its_package(tmp_path: Path, esm2_checkpoint: Path) -> None:
    weights = {"embed.weight": torch.zeros(64, 64), "transformer.blocks.0.attn.layernorm_qkv.1.weight": torch.zeros(1)}
    torch.save(weights, tmp_path / "esmc.pth")
    with pytest.raises(ValueError, match="ESM C checkpoint, but the package installed as esm is fair-esm"):
        load_language_model(tmp_path / "esmc.pth")


def test_no_package_at_all(esm2_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"not installed: pip install 'protein-enn\[esm\]'"):
        load_language_model(esm2_checkpoint)
