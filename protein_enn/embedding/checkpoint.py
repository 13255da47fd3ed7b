"""Language models from checkpoints on disk. No pickled code runs: a file of anything but tensors and values is refused.

ESM-2 (package fair-esm): the official `NAME.pt`, a dict with `cfg` and `model`; its `-contact-regression.pt` file is
not needed. ESM C (package esm of EvolutionaryScale): the official `esmc_*.pth`, a bare state dict. Both packages are
imported as `esm`, so an environment can have only one of them.
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
_MOST = 100_000  # layers, heads or features: a file with more would only fill the memory
INSTALL = "pip install 'protein-enn[esm]'"


def load_language_model(
    name_or_path: str | Path, device: str | torch.device = "cpu", *, download: bool = False
) -> LanguageModel:
    """A language model from a checkpoint.

    Parameters
    ----------
    name_or_path
        A file, or an official name whose file is in the cache of torch hub.
    device
        Where it runs.
    download
        Whether an official file that is not in the cache is downloaded.

    Returns
    -------
    LanguageModel
        The model, in float32.

    Raises
    ------
    ValueError
        The file is missing (the message names where it is searched and how to get it), is not a supported checkpoint,
        or its package is not installed.
    """
    path = find_checkpoint(name_or_path, download=download)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    content = _load(path)
    if isinstance(content, dict) and {"cfg", "model"} <= content.keys():
        parts = _esm2(path, content)
    elif isinstance(content, dict) and "transformer.blocks.0.attn.layernorm_qkv.1.weight" in content:
        parts = _esmc(path, content)
    else:
        raise ValueError(
            f"{path}: neither an ESM-2 checkpoint (a dict with cfg and model) nor ESM C weights; "
            f"give one such as {OFFICIAL[0]}.pt"
        )
    network, tokens, width, last_layer = parts
    network.to(device).eval().requires_grad_(False)
    return LanguageModel(path.stem, sha256, width, tokens, last_layer, torch.device(device))


def find_checkpoint(name_or_path: str | Path, *, download: bool = False) -> Path:
    """The file of a checkpoint. The ValueError for a missing one states how to get it."""
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
            torch.hub.download_url_to_file(address, str(cached), progress=False)  # a temporary name until complete
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise ValueError(f"{name}: could not be downloaded ({reason}); {by_hand}") from error
    return cached


def _load(path: Path) -> Any:
    """The contents of a checkpoint: tensors, plain values and argparse.Namespace, which holds the settings of ESM-2."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(
            f"{path}: not a checkpoint of tensors and plain values; it may be damaged, or hold code, which is never run"
        ) from error


Parts = tuple[nn.Module, dict[str, int], int, Callable[[Tensor], Tensor]]
"""The network, its tokens, the width of its features, and the function from tokens to features."""


def _esm2(path: Path, content: dict[str, Any]) -> Parts:
    """ESM-2 with the settings in its file, as built by `esm.pretrained` of fair-esm; without the contact head."""
    module = _package(path, "ESM-2", "esm.model.esm2", INSTALL)
    alphabet = import_module("esm.data").Alphabet.from_architecture("ESM-1b")
    cfg = content["cfg"]
    settings = cfg.get("model") if isinstance(cfg, dict) else None
    values = [getattr(settings, f"encoder_{name}", None) for name in ("layers", "embed_dim", "attention_heads")]
    sizes = [size for size in values if isinstance(size, int) and 0 < size < _MOST]
    if len(sizes) < 3 or not isinstance(content["model"], dict):
        raise ValueError(f"{path}: not the settings of an ESM-2 checkpoint (layers, features, heads: {values})")
    layers, width, heads = sizes
    state = {_without_prefix(name): tensor for name, tensor in content["model"].items()}

    def build() -> nn.Module:
        with torch.device("meta"):  # no memory and no time for weights that are replaced
            token_dropout = bool(getattr(settings, "token_dropout", True))
            network: nn.Module = module.ESM2(layers, width, heads, alphabet, token_dropout)
        network.contact_head = nn.Identity()  # its weights are in another file
        return network

    network = _with_weights(path, build, {k: v for k, v in state.items() if not k.startswith("contact_head.")})
    tokens = {name: alphabet.get_idx(name) for name in (*chemistry.LETTERS, CLS, EOS, PAD, MASK)}

    def last_layer(batch: Tensor) -> Tensor:
        features: Tensor = network(batch, repr_layers=[layers])["representations"][layers]
        return features

    return network, tokens, width, last_layer


def _without_prefix(name: str) -> str:
    """A parameter name of fair-esm's model."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _esmc(path: Path, state: dict[str, Any]) -> Parts:
    """ESM C with the sizes of its weights: heads have 64 features each in all released models."""
    remedy = "pip install esm, in an environment of its own"
    module = _package(path, "ESM C", "esm.models.esmc", remedy)
    vocabulary = list(import_module("esm.utils.constants.esm3").SEQUENCE_VOCAB)
    width = state["embed.weight"].shape[1] if "embed.weight" in state else 0
    layers = len({name.split(".")[2] for name in state if name.startswith("transformer.blocks.")})
    if not 64 <= width < _MOST:
        raise ValueError(f"{path}: ESM C weights of {width} features are not supported")
    network = _with_weights(path, lambda: module.ESMC(width, width // 64, layers, None, use_flash_attn=False), state)
    tokens = {name: vocabulary.index(name) for name in (*chemistry.LETTERS, CLS, EOS, PAD, MASK)}

    def last_layer(batch: Tensor) -> Tensor:
        features: Tensor = network(sequence_tokens=batch, sequence_id=batch != tokens[PAD]).embeddings
        return features

    return network, tokens, width, last_layer


def _package(path: Path, kind: str, module: str, remedy: str) -> Any:
    """The module of the package `esm` for a checkpoint. ValueError where none or the other package is installed."""
    if find_spec("esm") is None:
        raise ValueError(f"{path} is an {kind} checkpoint, and the package for it is not installed: {remedy}")
    try:
        return import_module(module)
    except ImportError as error:
        other = "fair-esm" if find_spec("esm.model") else "EvolutionaryScale's esm" if find_spec("esm.sdk") else "esm"
        raise ValueError(
            f"{path} is an {kind} checkpoint, but the package installed as esm is {other} ({error}): {remedy}"
        ) from error


def _with_weights(path: Path, build: Callable[[], nn.Module], state: dict[str, Any]) -> nn.Module:
    """The network with these weights, float32. The state of the random generator does not change."""
    with torch.random.fork_rng(devices=[]):
        network = build()
    weights = {k: v.float() if v.is_floating_point() else v for k, v in state.items() if isinstance(v, Tensor)}
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:  # the message of torch lists every tensor
        raise ValueError(f"{path}: the tensors do not fit the settings of the checkpoint") from error
    return network
