"""How well a predicted per-residue quality agrees with the true one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

from protein_enn.evaluation.refinement.outcome import Pair, number

WIDTH = 0.05
"""Of the bins of a calibration table."""


@dataclass(frozen=True)
class CalibrationBin:
    """Residues whose predicted lDDT is in low <= p < high (the last bin: <= high)."""

    low: float
    high: float
    residues: int
    predicted: float  # means
    true: float
    tenth: float  # 10 % and 90 % quantiles of the true lDDT
    ninetieth: float


def agreement(pairs: Sequence[Pair]) -> dict[str, float | None]:
    """Pearson and mean absolute error over all residues together, the means of those of each target, and Pearson of
    the targets' mean predictions with their mean truths.

    None where no residue has both values or one side does not vary.
    """
    defined = [_defined(pair) for pair in pairs]
    pooled = torch.cat([torch.zeros(2, 0, dtype=torch.float64), *defined], 1)
    each = [value for value in map(_pearson, defined) if value is not None]
    means = torch.stack([d.mean(1) for d in defined if d.shape[1]], 1) if any(d.shape[1] for d in defined) else pooled
    errors = [float((d[0] - d[1]).abs().mean()) for d in defined if d.shape[1]]
    return {
        "pearson": _pearson(pooled),
        "pearson_mean": fmean(each) if each else None,
        "pearson_of_means": _pearson(means),
        "mae": float((pooled[0] - pooled[1]).abs().mean()) if pooled.shape[1] else None,
        "mae_mean": fmean(errors) if errors else None,
        "bias": float((pooled[0] - pooled[1]).mean()) if pooled.shape[1] else None,
    }


def calibration(pairs: Sequence[Pair]) -> list[CalibrationBin]:
    """The bins with residues, lowest first."""
    pooled = torch.cat([torch.zeros(2, 0, dtype=torch.float64), *map(_defined, pairs)], 1)
    count = round(1 / WIDTH)
    index = (pooled[0] / WIDTH).floor().long().clamp(0, count - 1)
    result = []
    for i in index.unique().tolist():
        predicted, true = pooled[:, index == i]
        quantiles = true.quantile(torch.tensor([0.1, 0.9], dtype=torch.float64)).tolist()
        means = float(predicted.mean()), float(true.mean())
        result.append(CalibrationBin(i / count, (i + 1) / count, len(true), *means, *quantiles))
    return result


def _defined(pair: Pair) -> Float[Tensor, "2 m"]:
    """Predicted and true where both are defined, float64."""
    values = torch.tensor([[number(v) for v in side] for side in pair], dtype=torch.float64).reshape(2, -1)
    return values[:, values.isfinite().all(0)]


def _pearson(pairs: Float[Tensor, "2 m"]) -> float | None:
    if pairs.shape[1] < 2 or bool((pairs.std(1) == 0).any()):
        return None
    return float(torch.corrcoef(pairs)[0, 1])
