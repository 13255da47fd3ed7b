"""Reading the published checkpoints of ProteinMPNN and SolubleMPNN: the one kind of `.pt` file that is opened."""

from __future__ import annotations

import re
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


def read_published(path: Path) -> MPNN:
    """The network of a published checkpoint. ValueError for any other file, which is not opened further."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)  # tensors and plain values, no code
        tensors, k = dict(content["model_state_dict"]), int(content["num_edges"])
    except Exception as error:  # torch has no error of its own for a damaged or hostile file
        raise ValueError(f"{path}: no published ProteinMPNN weights; {REMEDY}") from error
    model = MPNN(MPNN.Config(k=k, **_shape(path, tensors)))
    try:
        model.load_state_dict(converted(tensors))
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{path}: {_kind(tensors)}, which is not understood; {REMEDY}") from error
    return model


REMEDY = (
    "give v_48_002.pt, v_48_010.pt, v_48_020.pt or v_48_030.pt of ProteinMPNN or SolubleMPNN, or a .safetensors file "
    "that training wrote; other pickled checkpoints are not read"
)


def _shape(path: Path, tensors: dict[str, Tensor]) -> dict[str, int]:
    """Settings of the network that the tensors are of."""
    if "W_s.weight" not in tensors or tuple(tensors["W_s.weight"].shape[:1]) != (len(LETTERS),):
        raise ValueError(f"{path}: {_kind(tensors)}, which is not understood; {REMEDY}")
    layers = {name: len({k.split(".")[1] for k in tensors if k.startswith(name)}) for name in ("encoder", "decoder")}
    return {"hidden": tensors["W_s.weight"].shape[1], **{f"{name}_layers": count for name, count in layers.items()}}


def _kind(tensors: dict[str, Tensor]) -> str:
    """In words, what other network of that family the tensors are of."""
    if any(name.startswith("context_encoder_layers") for name in tensors):
        return "weights of LigandMPNN"
    if "W_v.weight" in tensors:
        return "weights that see CA atoms alone, or labels of a membrane"
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
