"""One layer of each of our encoders, with the inputs that its encoder gives it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peer_layers import Builder, Call
from surroundings import Sizes, Surroundings
from torch import Tensor

from protein_enn.encoders import ENCODERS, encoder
from protein_enn.graph.protein_graph import BACKBONE_WIDTHS


def leaves(value: Any) -> Any:
    """The same arguments cut off from what made them; those that depended on weights ask for gradients again."""
    if isinstance(value, Tensor):
        return value.detach().requires_grad_(value.requires_grad)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: leaves(getattr(value, f.name)) for f in fields(value)})
    return tuple(leaves(v) for v in value) if isinstance(value, tuple) else value


def tensors_of(value: Any) -> tuple[Tensor, ...]:
    """All tensors with features among a layer's results."""
    if isinstance(value, Tensor):
        return (value,) if value.numel() and value.is_floating_point() else ()
    parts = [getattr(value, f.name) for f in fields(value)] if is_dataclass(value) else list(value or ())
    return tuple(t for part in parts for t in tensors_of(part))


def layer_of(name: str) -> Builder:
    """The builder for an encoder's second layer, whose inputs are not zero in any degree."""

    def build(around: Surroundings, sizes: Sizes, folder: Path | None) -> Call:
        known = set(ENCODERS[name].Config.model_fields)
        widths = {key: getattr(sizes, key) for key in ("scalars", "channels", "edges", "hidden")}
        settings = {"layers": 2, **{key: width for key, width in widths.items() if key in known}}
        model, taken = encoder(name, settings, BACKBONE_WIDTHS), []
        layer = model.layers[1]
        hook = layer.register_forward_pre_hook(lambda _, given, named: taken.append((given, named)), with_kwargs=True)
        with torch.enable_grad():
            model(around.graph)
        hook.remove()
        given, named = leaves(taken[0][0]), {key: leaves(value) for key, value in taken[0][1].items()}
        return lambda: tensors_of(layer(*given, **named))

    return build
