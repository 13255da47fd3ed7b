"""Conversion of published checkpoints: tensors under our names, with linear maps split by their inputs."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from protein_enn.models.mpnn.elements import ELEMENTS, GROUP, GROUPS, PERIOD, PERIODS
from protein_enn.models.mpnn.layers import CENTERS

_PAIRS = tuple(
    f"{a}-{b}"
    for a, others in (
        ("CA", "CA"), ("N", "N"), ("C", "C"), ("O", "O"), ("CB", "CB"), ("CA", "N C O CB"), ("N", "C O CB"),
        ("CB", "C O"), ("O", "C"), ("N", "CA"), ("C", "CA"), ("O", "CA"), ("CB", "CA"), ("C", "N"), ("O", "N"),
        ("CB", "N"), ("C", "CB"), ("O", "CB"), ("C", "O"),
    )
    for b in others.split()
)  # fmt: skip
"""Pairs of atoms (of a node and of its neighbor) in the order of the published features."""
_FRAME = ("N", "CA", "C", "O", "CB")
_POSITIONS = 16
"""Features of an offset in sequence, before those of distances."""


def convert_state_dict(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a published state dict under our names. KeyError for a tensor that is not known."""
    remaining = dict(tensors)
    converted: dict[str, Tensor] = {}
    first = remaining.pop("features.edge_embedding.weight")
    hidden = len(first)
    order = [_PAIRS.index(f"{a}-{b}") for a in _FRAME for b in _FRAME]
    converted["edges.distances.weight"] = first[:, _POSITIONS:].view(hidden, len(_PAIRS), CENTERS)[:, order].flatten(1)
    offsets = remaining.pop("features.embeddings.linear.weight").T + remaining.pop("features.embeddings.linear.bias")
    converted["edges.positions.weight"] = offsets @ first[:, :_POSITIONS].T
    if "features.type_linear.weight" in remaining:
        converted |= _pop_context(remaining)
    for name, value in remaining.items():
        for key, part in _rename(name, value, hidden).items():
            converted[key] = part.contiguous()
    return converted


def _pop_context(remaining: dict[str, Tensor]) -> dict[str, Tensor]:
    """LigandMPNN's features of atoms, removed from `remaining`. Terms of the element alone become a table."""
    element = torch.zeros(ELEMENTS, ELEMENTS + GROUPS + PERIODS)
    number = torch.arange(len(GROUP))
    for column in (number, ELEMENTS + torch.tensor(GROUP), ELEMENTS + GROUPS + torch.tensor(PERIOD)):
        element[number, column] = 1.0
    kinds = element @ remaining.pop("features.type_linear.weight").T + remaining.pop("features.type_linear.bias")
    joined = remaining.pop("features.node_project_down.weight")
    near, kind, direction = joined.split(
        [5 * CENTERS, kinds.shape[1], joined.shape[1] - 5 * CENTERS - kinds.shape[1]], 1
    )
    converted = {
        "context.distances.weight": near.contiguous(),
        "context.distances.bias": remaining.pop("features.node_project_down.bias"),
        "context.kinds.weight": kinds @ kind.T,
        "context.directions.weight": direction.contiguous(),
        "context.atoms.weight": element @ remaining.pop("features.y_nodes.weight").T,
        "context.pairs.weight": remaining.pop("features.y_edges.weight"),
    }
    for name, own in (("W_v", "context_encoder_layers"), ("W_edges_y", "y_context_encoder_layers")):
        weight, bias = remaining.pop(f"{name}.weight"), remaining.pop(f"{name}.bias")
        for layer in [key for key in remaining if key.startswith(own) and key.endswith(".W1.weight")]:
            # A linear map of edges and the one of each layer after it become one map.
            hidden, layer_bias = len(weight), layer.replace("weight", "bias")
            target, edge, *rest = remaining[layer].split(hidden, 1)
            remaining[layer_bias] = remaining[layer_bias] + edge @ bias
            remaining[layer] = torch.cat([target, edge @ weight, *rest], 1)
    return converted


def _side(match: re.Match[str]) -> str:
    """The part of our context network that a published layer belongs to."""
    return "among" if match[1] else "toward"


_SIMPLE: tuple[tuple[str, Any], ...] = (
    (r"features\.norm_edges", "edges.norm"),
    (r"features\.norm_nodes", "context.norm"),
    (r"features\.norm_y_nodes", "context.atom_norm"),
    (r"features\.norm_y_edges", "context.pair_norm"),
    (r"W_nodes_y", "context.atom_entry"),
    (r"W_c", "context.entry"),
    (r"V_C", "context.outer"),
    (r"V_C_norm", "context.outer_norm"),
    (r"(y_)?context_encoder_layers\.(\d+)\.norm(\d)", lambda m: f"context.{_side(m)}.{m[2]}.norms.{int(m[3]) - 1}"),
    (r"(y_)?context_encoder_layers\.(\d+)\.W2", lambda m: f"context.{_side(m)}.{m[2]}.messages.inner"),
    (r"(y_)?context_encoder_layers\.(\d+)\.W3", lambda m: f"context.{_side(m)}.{m[2]}.messages.outer"),
    (
        r"(y_)?context_encoder_layers\.(\d+)\.dense\.W_(in|out)",
        lambda m: f"context.{_side(m)}.{m[2]}.feedforward.{'inner' if m[3] == 'in' else 'outer'}",
    ),
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
    (
        r"context_encoder_layers\.(\d+)\.W1",
        r"context.toward.\1.",
        ("messages.target", "messages.edge", "messages.source"),
    ),
    (r"y_context_encoder_layers\.(\d+)\.W1", r"context.among.\1.", ("messages.target", "messages.edge")),
    (r"decoder_layers\.(\d+)\.W1", r"decoder.\1.", ("messages.target", "messages.edge", "identity", "messages.source")),
)


def _rename(name: str, value: Tensor, hidden: int) -> dict[str, Tensor]:
    """A tensor, or its parts, under new names. KeyError for a tensor that is not known."""
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
