"""Encoders: from a graph to node features. Registering one here puts it under the contract tests."""

from __future__ import annotations

from typing import Any

from protein_enn.encoders.attention import EquivariantAttention
from protein_enn.encoders.coordinates import Coordinates
from protein_enn.encoders.egnn import EGNN
from protein_enn.encoders.encoder import Encoder
from protein_enn.encoders.gvp import GVP
from protein_enn.encoders.invariant import Invariant
from protein_enn.encoders.local_frames import LocalFrames
from protein_enn.encoders.so2 import SO2
from protein_enn.encoders.tensor_field import TensorField
from protein_enn.graph.fields import Widths

__all__ = ["ENCODERS", "Encoder", "encoder"]

ENCODERS: dict[str, type[Encoder]] = {
    "attention": EquivariantAttention,
    "coordinates": Coordinates,
    "egnn": EGNN,
    "gvp": GVP,
    "invariant": Invariant,
    "local_frames": LocalFrames,
    "so2": SO2,
    "tensor_field": TensorField,
}
"""By the name that settings give."""


def encoder(name: str, settings: dict[str, Any], widths: Widths) -> Encoder:
    """An encoder with new weights.

    Parameters
    ----------
    name
        A key of `ENCODERS`.
    settings
        Fields of its `Config` that differ from their defaults.
    widths
        How many features of each kind the graph brings.

    Raises
    ------
    ValueError
        The name or a setting is unknown.
    """
    if name not in ENCODERS:
        raise ValueError(f"no encoder {name!r}; there are {', '.join(ENCODERS)}")
    kind = ENCODERS[name]
    return kind(kind.Config.model_validate(settings), widths)
