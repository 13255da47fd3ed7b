"""From log-odds (nats) to -ddG (kcal/mol): one slope, fitted on measured mutations and kept with the weights.

-ddG = slope x score. No intercept: the wild type keeps 0, a mutation and its reverse stay opposite, and the scores of
several mutations add. The slope minimizes sum |-ddG - slope x score|, which a few outliers do not move; under
Boltzmann statistics it would be RT = 0.59 kcal/mol per nat.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from protein_enn.io.atomic import write_text
from protein_enn.models.weights_json import read_info
from protein_enn.predictor import Predictor

KEY = "calibration"
"""Its key in the JSON of the weights."""
LEAST = 50
"""Measurements that a calibration needs."""
_RESAMPLES = 200


@dataclass(frozen=True)
class Calibration:
    """The slope of one estimator under one set of weights."""

    estimator: str
    slope: float  # kcal/mol per nat, positive
    standard_error: float  # of the slope, kcal/mol per nat: bootstrap over proteins
    n: int  # measurements
    proteins: int
    data: str  # the data set
    weights_sha256: str
    condition: str | None = None  # of the weights

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)


def fit(
    proteins: Sequence[tuple[Sequence[float], Sequence[float]]],
    *,
    estimator: str,
    data: str,
    weights_sha256: str,
    condition: str | None = None,
    seed: int = 0,
) -> Calibration:
    """The calibration from (scores in nats, -ddG in kcal/mol) of each protein; `seed` is of the bootstrap.

    ValueError: fewer than `LEAST` measurements, numbers that are not finite, or scores that do not rise with -ddG.
    """
    pairs = [(torch.tensor(s, dtype=torch.float64), torch.tensor(m, dtype=torch.float64)) for s, m in proteins if s]
    n = sum(len(scores) for scores, _ in pairs)
    if n < LEAST:
        raise ValueError(f"{data}: {n} measurements are too few for a calibration; it takes {LEAST}")
    if not all(torch.isfinite(torch.cat(pair)).all() for pair in pairs):
        raise ValueError(f"{data}: a calibration needs finite scores and measurements")
    slope = _slope(pairs)
    if slope <= 0:
        raise ValueError(f"{data}: {estimator} does not rise with -ddG (slope {slope:.3g}): nothing to calibrate")
    generator = torch.Generator().manual_seed(seed)
    draws = (torch.randint(len(pairs), (len(pairs),), generator=generator).tolist() for _ in range(_RESAMPLES))
    slopes = torch.tensor([_slope([pairs[i] for i in draw]) for draw in draws])
    return Calibration(estimator, slope, float(slopes.std()), n, len(pairs), data, weights_sha256, condition)


def _slope(pairs: Sequence[tuple[Float[Tensor, "_"], Float[Tensor, "_"]]]) -> float:
    """argmin_b sum |y - b x|: the median of y / x weighted by |x|; 0 where every score is 0."""
    x, y = (torch.cat(column) for column in zip(*pairs, strict=True))
    x, y = x[x != 0], y[x != 0]
    if not len(x):
        return 0.0
    ratios, order = (y / x).sort()
    weight = x.abs()[order].cumsum(0)
    return float(ratios[int(torch.searchsorted(weight, weight[-1] / 2))])


def store(calibration: Calibration, weights: str | Path) -> Path:
    """Keep a calibration in the JSON of its weights, given as a path or a shipped name; the tensors stay the same.

    ValueError if those are other weights.
    """
    path = Path(weights)
    if path.suffix != ".safetensors":
        path = Path(str(files("protein_enn") / "weights" / f"{weights}.safetensors"))
    sidecar = path.with_suffix(".json")
    info = read_info(sidecar.read_bytes(), str(sidecar))
    if info["sha256"] != calibration.weights_sha256:
        raise ValueError(f"{path}: the calibration is of other weights (sha256 {calibration.weights_sha256[:12]}...)")
    write_text(sidecar, json.dumps({**info, KEY: calibration.to_dict()}, indent=1) + "\n")
    return sidecar


def calibration_of(predictor: Predictor, estimator: str) -> tuple[Calibration | None, str]:
    """The calibration that came with the weights and where it is from, or None and why there is none."""
    stored = predictor.info.get(KEY)
    if stored is None:
        return None, "no ddG: these weights are not calibrated (protein-enn calibrate)"
    try:
        found = TypeAdapter(Calibration).validate_python(stored)
    except ValidationError:
        return None, "no ddG: the calibration in the weights' JSON cannot be read (protein-enn calibrate makes it anew)"
    if found.weights_sha256 != predictor.sha256:
        return None, "no ddG: the calibration is of other weights (protein-enn calibrate makes it anew)"
    if found.condition != predictor.condition:
        return None, f"no ddG: the calibration is of the condition {found.condition}"
    if found.estimator != estimator:
        return None, f"no ddG: the calibration is of the estimator {found.estimator}"
    if not (math.isfinite(found.slope) and found.slope > 0):
        return None, "no ddG: the calibration has no positive slope (protein-enn calibrate makes it anew)"
    return found, f"{found.slope:.3f} kcal/mol per nat, from {found.n} measurements of {found.data}"
