"""Metrics of predicted sequences."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from protein_enn import chemistry


def recovery(predicted: Int[Tensor, "n"], native: Int[Tensor, "n"], counted: Bool[Tensor, "n"] | None = None) -> float:
    """Fraction of positions where the predicted amino acid is the native one; unknown natives do not count.

    nan if nothing counts.
    """
    known = native != chemistry.UNKNOWN
    if counted is not None:
        known = known & counted
    return float((predicted == native)[known].double().mean()) if known.any() else math.nan


def perplexity(
    log_probs: Float[Tensor, "n 20"], native: Int[Tensor, "n"], counted: Bool[Tensor, "n"] | None = None
) -> float:
    """exp of the mean of -log p(native), natural logarithms; unknown natives do not count. nan if nothing counts."""
    known = native != chemistry.UNKNOWN
    if counted is not None:
        known = known & counted
    if not known.any():
        return math.nan
    own = log_probs[known].gather(1, native[known][:, None]).double()
    return float(torch.exp(-own.mean()))
