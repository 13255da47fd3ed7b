"""Reading the published checkpoints of ProteinMPNN and SolubleMPNN: the one kind of `.pt` file that is opened."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from protein_enn.tasks.mpnn.layers import CENTERS
from protein_enn.tasks.mpnn.network import LETTERS, MPNN

_PAIRS = tuple(
    f"{a}-{b}"
    for a, others in (
        ("CA", "CA"), ("N", "N"), ("C", "C"), ("O", "O"), ("CB", "CB"), ("CA", "N C O CB"), ("N", "C O CB"),
        ("CB", "C O"), ("O", "C"), ("N", "CA"), ("C", "CA"), ("O", "CA"), ("CB", "CA"), ("C", "N"), ("O", "N"),
        ("CB", "N"), ("C", "CB"), ("O", "CB"), ("C", "O"),
    )
    for b in others.split()
)  # fmt: skip
"""Pairs of atoms (of a node and of its neighbour) in the order of the published features."""
_FRAME = ("N", "CA", "C", "O", "CB")
_POSITIONS = 16
"""Features of an offset in sequence, in front of those of distances."""


REMEDY = (
    "give v_48_002.pt, v_48_010.pt, v_48_020.pt or v_48_030.pt of ProteinMPNN or SolubleMPNN, or a .safetensors file "
    "that training wrote; other pickled checkpoints are not read"
)
_KNOWN = {
    "925f2ca1007bf9b02e0e7f420ff00eb91f50fcc2722f64b42e644ae95adaa131": "ProteinMPNN",
    "db866fae956a28661f926053d630610c55e9fc4bc03922f2aeeb98a37435ccce": "ProteinMPNN",
    "c9cb4a671d79604111231f8dbfc7c590e06f1197453b7a6854ac6661a642f5bd": "ProteinMPNN",
    "c34b7bfb38418ea30989fda3314f4781ac4e3920f9825731cf555f1fed44ac66": "ProteinMPNN",
    "0877f840978fe770be6fcec025784d8f50c438571db3260c05e41aa207a7c448": "SolubleMPNN",
    "79562f7444f72c84595a1c96010713864865a616f4f3967633493041e169fa6e": "SolubleMPNN",
    "7af52d090172c230c7f0e9d21e02203f6b3a38b16db58d3c7a3960e0a9a6e31a": "SolubleMPNN",
    "1dd63f1e9fc68a133cc9ef859edf43b489e5ac581cb5624e0b9ec848ff062421": "SolubleMPNN",
}
"""sha256 of the published files."""


def read_published(path: Path) -> MPNN:
    """The network of a published checkpoint. ValueError for any other file, which is not opened further."""
    return opened(path, path.read_bytes())[0]


def opened(path: Path, data: bytes) -> tuple[MPNN, dict[str, Any]]:
    """The network of a published checkpoint given its bytes, and what the JSON beside weights says of it.

    ValueError for any other file: `path` is what its message names.
    """
    try:
        # Tensors and plain values: anything else in the pickle is refused before it is built.
        content = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
        tensors, k = dict(content["model_state_dict"]), int(content["num_edges"])
        noise = float(content["noise_level"])
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(f"{path}: no published ProteinMPNN weights, or damaged; {REMEDY}") from error
    config = {"k": k, **_shape(path, tensors)}
    model = MPNN(MPNN.Config.model_validate(config))
    try:
        model.load_state_dict(converted(tensors))
    except (KeyError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {_kind(tensors)}, which are not read; {REMEDY}") from error
    return model, {"architecture": "proteinmpnn", "config": config, **_facts(path.name, data, noise)}


def _facts(name: str, data: bytes, noise: float) -> dict[str, Any]:
    """Where published weights come from."""
    digest = hashlib.sha256(data).hexdigest()
    network = _KNOWN.get(digest, "of ProteinMPNN's shape, but not one of the published files")
    return {
        "published": {"network": network, "file": name, "sha256": digest},
        "license": "MIT",
        "training": {"noise": noise},
        "data": {
            "source": "PDB biological units up to August 2021, doi 10.1126/science.add2187; SolubleMPNN: without "
            "membrane proteins",
            "warning": "most PDB entries up to then, or relatives of them, were seen in training",
        },
    }


def _shape(path: Path, tensors: dict[str, Tensor]) -> dict[str, int]:
    """Settings of the network that the tensors are of."""
    letters = tensors.get("W_s.weight")
    if not isinstance(letters, Tensor) or letters.ndim != 2 or len(letters) != len(LETTERS):
        raise ValueError(f"{path}: {_kind(tensors)}, which are not read; {REMEDY}")
    layers = {
        n: len({k.split(".")[1] for k in tensors if k.startswith(f"{n}_layers.")}) for n in ("encoder", "decoder")
    }
    return {"hidden": letters.shape[1], **{f"{name}_layers": count for name, count in layers.items()}}


def _kind(tensors: dict[str, Tensor]) -> str:
    """In words, what other network of that family the tensors are of."""
    edges = tensors.get("features.edge_embedding.weight")
    if "W_torsions.weight" in tensors:
        return "weights of LigandMPNN's side-chain packer"
    if any(name.startswith("context_encoder_layers") for name in tensors):
        return "weights of LigandMPNN"
    if "features.node_embedding.weight" in tensors and isinstance(edges, Tensor) and edges.shape[-1:] == (167,):
        return "weights of ProteinMPNN that see CA atoms alone"
    if "features.node_embedding.weight" in tensors:
        return "weights of ProteinMPNN with labels of a membrane"
    return "weights of another network"


def converted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a published state dict under our names, its maps split by what they are applied to."""
    left = dict(tensors)
    found: dict[str, Tensor] = {}
    first = left.pop("features.edge_embedding.weight")
    hidden = len(first)
    places = [_PAIRS.index(f"{a}-{b}") for a in _FRAME for b in _FRAME]
    found["edges.distances.weight"] = first[:, _POSITIONS:].view(hidden, len(_PAIRS), CENTERS)[:, places].flatten(1)
    offsets = left.pop("features.embeddings.linear.weight").T + left.pop("features.embeddings.linear.bias")
    found["edges.positions.weight"] = offsets @ first[:, :_POSITIONS].T
    for name, value in left.items():
        for key, part in _renamed(name, value, hidden).items():
            found[key] = part.contiguous()
    return found


_SIMPLE = (
    (r"features\.norm_edges", "edges.norm"),
    (r"W_e", "edges.outer"),
    (r"W_s", "identity"),
    (r"W_out", "exit"),
    (r"(en|de)coder_layers\.(\d+)\.norm(\d)", lambda m: f"{m[1]}coder.{m[2]}.norms.{int(m[3]) - 1}"),
    (r"(en|de)coder_layers\.(\d+)\.W2", r"\1coder.\2.messages.inner"),
    (r"(en|de)coder_layers\.(\d+)\.W3", r"\1coder.\2.messages.outer"),
    (r"encoder_layers\.(\d+)\.W12", r"encoder.\1.edge_messages.inner"),
    (r"encoder_layers\.(\d+)\.W13", r"encoder.\1.edge_messages.outer"),
    (r"(en|de)coder_layers\.(\d+)\.dense\.W_in", r"\1coder.\2.feedforward.inner"),
    (r"(en|de)coder_layers\.(\d+)\.dense\.W_out", r"\1coder.\2.feedforward.outer"),
)
_SPLIT: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (r"encoder_layers\.(\d+)\.W1", r"encoder.\1.", ("messages.target", "messages.edge", "messages.source")),
    (
        r"encoder_layers\.(\d+)\.W11",
        r"encoder.\1.",
        ("edge_messages.target", "edge_messages.edge", "edge_messages.source"),
    ),
    (r"decoder_layers\.(\d+)\.W1", r"decoder.\1.", ("messages.target", "messages.edge", "identity", "messages.source")),
)


def _renamed(name: str, value: Tensor, hidden: int) -> dict[str, Tensor]:
    """One tensor under its new name, or its parts under theirs; KeyError for one that has none."""
    module, kind = name.rsplit(".", 1)
    for pattern, replacement in _SIMPLE:
        if match := re.fullmatch(pattern, module):
            new = replacement(match) if callable(replacement) else match.expand(replacement)
            return {f"{new}.{kind}": value}
    for pattern, prefix, parts in _SPLIT:
        if match := re.fullmatch(pattern, module):
            if kind == "bias":
                return {f"{match.expand(prefix)}{parts[0]}.bias": value}
            pieces: list[Any] = list(value.split(hidden, 1))
            if len(pieces) != len(parts):
                raise KeyError(name)
            return {f"{match.expand(prefix)}{part}.weight": piece for part, piece in zip(parts, pieces, strict=True)}
    raise KeyError(name)
