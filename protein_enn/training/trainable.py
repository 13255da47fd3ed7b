"""Which weights training may go on from."""

from __future__ import annotations

from protein_enn.predictor import Predictor


def check_trainable(predictor: Predictor) -> None:
    """ValueError for weights of a published architecture, and for those whose heads stand on the network as it is."""
    if getattr(predictor.model, "stability", None) is not None:
        name = predictor.name
        raise ValueError(f"weights {name!r} have stability heads, which hold for this network alone: give design")
    if architecture := predictor.info.get("architecture"):
        raise ValueError(f"weights {predictor.name!r} are published ones of {architecture}, which are not trained here")
