"""From a checkpoint on disk to a language model. No pickled code runs: a file is tensors and plain values, or refused.

ESM-2 (package fair-esm): the official `NAME.pt`, a dict with `cfg` and `model`; its `-contact-regression.pt` companion
is not needed. ESM C (package esm of EvolutionaryScale): the official `esmc_*.pth`, a bare state dict. Both packages are
imported as `esm`, so an environment holds one of them.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from protein_enn import chemistry
from protein_enn.embedding.model import CLS, EOS, MASK, PAD, LanguageModel

OFFICIAL = (
    "esm2_t6_8M_UR50D",
    "esm2_t12_35M_UR50D",
    "esm2_t30_150M_UR50D",
    "esm2_t33_650M_UR50D",
    "esm2_t36_3B_UR50D",
    "esm2_t48_15B_UR50D",
)
"""Names of checkpoints that can be downloaded."""
ADDRESS = "https://dl.fbaipublicfiles.com/fair-esm/models/{name}.pt"
_PREFIXES = ("encoder.sentence_encoder.", "encoder.")  # of parameter names in the official files
_MOST = 100_000  # layers, heads or features: more is no checkpoint but a way to fill the memory
INSTALL = "pip install 'protein-enn[esm]'"


def load_language_model(
    name_or_path: str | Path, device: str | torch.device = "cpu", *, download: bool = False
) -> LanguageModel:
    """The language model of a checkpoint file, or of an official name whose file is in torch hub's cache.

    With `download` an official one that is not there is fetched. ValueError says what is missing, where it is looked
    for and how to get it, or why a file is no checkpoint that is understood.
    """
    path = find_checkpoint(name_or_path, download=download)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    content = _opened(path)
    if isinstance(content, dict) and {"cfg", "model"} <= content.keys():
        built = _esm2(path, content)
    elif isinstance(content, dict) and "transformer.blocks.0.attn.layernorm_qkv.1.weight" in content:
        built = _esmc(path, content)
    else:
        raise ValueError(
            f"{path}: neither an ESM-2 checkpoint (a dict with cfg and model) nor ESM C weights; "
            f"give one such as {OFFICIAL[0]}.pt"
        )
    network, tokens, width, last_layer = built
    network.to(device).eval().requires_grad_(False)
    return LanguageModel(path.stem, sha256, width, tokens, last_layer, torch.device(device))


def find_checkpoint(name_or_path: str | Path, *, download: bool = False) -> Path:
    """The file of a checkpoint; ValueError tells how to get one that is not there."""
    path = Path(name_or_path)
    if path.is_file():
        return path
    name = str(name_or_path)
    if name not in OFFICIAL:
        raise ValueError(
            f"{name}: no such file; give the path of a checkpoint, or one of the names {', '.join(OFFICIAL)}"
        )
    cached = Path(torch.hub.get_dir()) / "checkpoints" / f"{name}.pt"
    address = ADDRESS.format(name=name)
    by_hand = f"download {address} elsewhere, copy it here, and give its path in place of the name"
    if not cached.is_file() and not download:
        raise ValueError(f"{name}: not in {cached.parent}; allow the download (--download), or {by_hand}")
    if not cached.is_file():
        cached.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(address, str(cached), progress=False)  # a temporary name until it is whole
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise ValueError(f"{name}: could not be downloaded ({reason}); {by_hand}") from error
    return cached


def _opened(path: Path) -> Any:
    """What is in a checkpoint: tensors, plain values and argparse.Namespace, which holds the settings of ESM-2."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(
            f"{path}: not a checkpoint of tensors and plain values; it may be damaged, or hold code, which is never run"
        ) from error


Built = tuple[nn.Module, dict[str, int], int, Callable[[Tensor], Tensor]]
"""The network, its tokens, the width of its features, and what gives them."""


def _esm2(path: Path, content: dict[str, Any]) -> Built:
    """ESM-2 by the settings in its file, as `esm.pretrained` of fair-esm builds it; without the contact head."""
    module = _package(path, "ESM-2", "esm.model.esm2", INSTALL)
    alphabet = import_module("esm.data").Alphabet.from_architecture("ESM-1b")
    cfg = content["cfg"]
    settings = cfg.get("model") if isinstance(cfg, dict) else None
    given = [getattr(settings, f"encoder_{name}", None) for name in ("layers", "embed_dim", "attention_heads")]
    sizes = [size for size in given if isinstance(size, int) and 0 < size < _MOST]
    if len(sizes) < 3 or not isinstance(content["model"], dict):
        raise ValueError(f"{path}: not the settings of an ESM-2 checkpoint (layers, features, heads: {given})")
    layers, width, heads = sizes
    state = {_bare(name): tensor for name, tensor in content["model"].items()}

    def build() -> nn.Module:
        with torch.device("meta"):  # no memory and no time for weights that are replaced
            token_dropout = bool(getattr(settings, "token_dropout", True))
            network: nn.Module = module.ESM2(layers, width, heads, alphabet, token_dropout)
        network.contact_head = nn.Identity()  # its weights are in another file
        return network

    network = _filled(path, build, {k: v for k, v in state.items() if not k.startswith("contact_head.")})
    tokens = {name: alphabet.get_idx(name) for name in (*chemistry.LETTERS, CLS, EOS, PAD, MASK)}

    def last_layer(batch: Tensor) -> Tensor:
        features: Tensor = network(batch, repr_layers=[layers])["representations"][layers]
        return features

    return network, tokens, width, last_layer


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _esmc(path: Path, state: dict[str, Any]) -> Built:
    """ESM C by the shapes of its weights: heads have 64 features each in all that were released."""
    how = "pip install esm, in an environment of its own"
    module = _package(path, "ESM C", "esm.models.esmc", how)
    vocabulary = list(import_module("esm.utils.constants.esm3").SEQUENCE_VOCAB)
    width = state["embed.weight"].shape[1] if "embed.weight" in state else 0
    layers = len({name.split(".")[2] for name in state if name.startswith("transformer.blocks.")})
    if not 64 <= width < _MOST:
        raise ValueError(f"{path}: ESM C weights of {width} features are not understood")
    network = _filled(path, lambda: module.ESMC(width, width // 64, layers, None, use_flash_attn=False), state)
    tokens = {name: vocabulary.index(name) for name in (*chemistry.LETTERS, CLS, EOS, PAD, MASK)}

    def last_layer(batch: Tensor) -> Tensor:
        features: Tensor = network(sequence_tokens=batch, sequence_id=batch != tokens[PAD]).embeddings
        return features

    return network, tokens, width, last_layer


def _package(path: Path, kind: str, module: str, how: str) -> Any:
    """The module of the `esm` that a checkpoint is for; ValueError where none or the other one is installed."""
    if find_spec("esm") is None:
        raise ValueError(f"{path} is an {kind} checkpoint, and the package for it is not installed: {how}")
    try:
        return import_module(module)
    except ImportError as error:
        other = "fair-esm" if find_spec("esm.model") else "EvolutionaryScale's esm" if find_spec("esm.sdk") else "esm"
        raise ValueError(
            f"{path} is an {kind} checkpoint, but the package installed as esm is {other} ({error}): {how}"
        ) from error


def _filled(path: Path, build: Callable[[], nn.Module], state: dict[str, Any]) -> nn.Module:
    """The network with these weights, float32; the random ones that it draws first leave no trace."""
    with torch.random.fork_rng(devices=[]):
        network = build()
    weights = {k: v.float() if v.is_floating_point() else v for k, v in state.items() if isinstance(v, Tensor)}
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:  # the message of torch lists every tensor
        raise ValueError(f"{path}: the tensors do not fit the settings of the checkpoint") from error
    return network
