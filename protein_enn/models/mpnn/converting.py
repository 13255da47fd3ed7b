"""The tensors of published checkpoints under our names, their maps split by what they are applied to."""

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
"""Features of an offset in sequence, in front of those of distances."""


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
    if "features.type_linear.weight" in left:
        found |= _context(left)
    for name, value in left.items():
        for key, part in _renamed(name, value, hidden).items():
            found[key] = part.contiguous()
    return found


def _context(left: dict[str, Tensor]) -> dict[str, Tensor]:
    """LigandMPNN's features of atoms, taken out of `left`: what depends on the element alone becomes a table."""
    element = torch.zeros(ELEMENTS, ELEMENTS + GROUPS + PERIODS)
    number = torch.arange(len(GROUP))
    for column in (number, ELEMENTS + torch.tensor(GROUP), ELEMENTS + GROUPS + torch.tensor(PERIOD)):
        element[number, column] = 1.0
    kinds = element @ left.pop("features.type_linear.weight").T + left.pop("features.type_linear.bias")
    joined = left.pop("features.node_project_down.weight")
    near, kind, direction = joined.split(
        [5 * CENTERS, kinds.shape[1], joined.shape[1] - 5 * CENTERS - kinds.shape[1]], 1
    )
    found = {
        "context.distances.weight": near.contiguous(),
        "context.distances.bias": left.pop("features.node_project_down.bias"),
        "context.kinds.weight": kinds @ kind.T,
        "context.directions.weight": direction.contiguous(),
        "context.atoms.weight": element @ left.pop("features.y_nodes.weight").T,
        "context.pairs.weight": left.pop("features.y_edges.weight"),
    }
    for name, own in (("W_v", "context_encoder_layers"), ("W_edges_y", "y_context_encoder_layers")):
        weight, bias = left.pop(f"{name}.weight"), left.pop(f"{name}.bias")
        for layer in [key for key in left if key.startswith(own) and key.endswith(".W1.weight")]:
            # A map of edges, after which each layer maps them again: one map for both.
            hidden = len(weight)
            target, edge, *rest = left[layer].split(hidden, 1)
            left[layer.replace("weight", "bias")] = left[layer.replace("weight", "bias")] + edge @ bias
            left[layer] = torch.cat([target, edge @ weight, *rest], 1)
    return found


def _side(match: re.Match[str]) -> str:
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
