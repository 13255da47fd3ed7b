"""Metrics of many packed proteins together: means over proteins, fractions by burial, what a packer tells of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from protein_enn.evaluation.design import Metrics
from protein_enn.evaluation.packing.agreement import BURIAL, ResidueAgreement, pooled
from protein_enn.evaluation.packing.measure import COUNTS, MEANS, NEW, PackingOutcome, fraction_within, mean
from protein_enn.evaluation.ranking import spearman
from protein_enn.evaluation.refinement.confidence import CalibrationBin, calibration
from protein_enn.evaluation.refinement.metric_table import mean as mean_of
from protein_enn.metrics import chi_fraction
from protein_enn.metrics.side_chains import TOLERANCES

RIGHT = TOLERANCES[1]
"""Degrees: a rotamer is right if all its chi angles are this close to the native's."""
BINS = 10
"""Of predicted probability."""
_SUFFIX = dict(zip(TOLERANCES, ("", "_40"), strict=True))


def summarize(outcomes: Sequence[PackingOutcome]) -> Metrics:
    """Flat metrics of a set by one packer; None where one is not defined.

    Parameters
    ----------
    outcomes
        Of the set.

    Returns
    -------
    dict
        Means over proteins of `MEANS`; fractions of all residues together by burial; rotamer outliers as fractions of
        the residues evaluated; new outliers; log density of the native, calibration and coverage; seconds.
    """
    result: Metrics = {name: mean_of([o.metrics[name] for o in outcomes]) for name in MEANS}
    parts = [o.agreement for o in outcomes if o.agreement is not None]
    result |= by_burial(parts)
    counts = {name: sum(o.counts[name] for o in outcomes) for name in COUNTS}
    for head, tail in (("", "_before"), ("", "_after"), ("native_", "")):
        evaluated = counts[f"{head}rotamer_evaluated{tail}"]
        name = f"{head}rotamer_outliers{tail}"
        result[name] = counts[name] / evaluated if evaluated else None
    result |= {f"new_{kind}_outliers": counts[f"new_{kind}_outliers"] for kind in NEW}
    result |= predictions(parts)
    result |= {"samples": max((o.samples for o in outcomes), default=0), "proteins": len(outcomes)}
    result |= {name: counts[name] for name in ("residues", "matched", "incomplete")}
    timed = [(o.seconds, o.counts["residues"]) for o in outcomes if o.seconds is not None]
    residues = sum(n for _, n in timed)
    result["seconds_per_100_residues"] = 100 * sum(s for s, _ in timed) / residues if residues else None
    return result


def by_burial(parts: Sequence[ResidueAgreement]) -> Metrics:
    """Of the residues of each class of burial: how many, the fractions with right chi angles, the mean local RMSD."""
    none = torch.zeros(0, 4, dtype=torch.float64)
    errors = torch.cat([none, *(part.chi_errors.double() for part in parts)])
    count, rmsd = pooled(parts, "neighbors"), pooled(parts, "rmsd")
    result: Metrics = {}
    for name, least, most in BURIAL:
        chosen = (count >= least) & (count <= most)
        result[f"residues_{name}"] = int(chosen.sum())
        result[f"chi1_mae_{name}"] = mean(errors[chosen, 0])
        for tolerance, suffix in _SUFFIX.items():
            for label, k in (("chi1", 1), ("chi12", 2)):
                result[f"{label}_accuracy{suffix}_{name}"] = chi_fraction(errors[chosen, :k], tolerance)
        result[f"side_chain_rmsd_local_{name}"] = mean(rmsd[chosen])
    return result


def predictions(parts: Sequence[ResidueAgreement]) -> Metrics:
    """What a packer tells of itself, against the native, over all residues together.

    ``native_log_density``: its mean, nats per residue. ``probability`` is the mean of that of the chosen rotamers,
    ``probability_right`` the fraction of them that are right, ``calibration_error`` the mean over `BINS` of the
    difference of both, weighted by residues. ``entropy_spearman`` is the rank correlation of entropy and local RMSD,
    ``error_spearman`` and ``error_mae`` (Å) are of predicted and true local RMSD. ``coverage`` is the fraction of
    residues of which a sample has all chi angles right.
    """
    probability, right = pooled(parts, "probability"), pooled(parts, "worst_chi")
    rated = ~probability.isnan() & ~right.isnan()
    probability, right = probability[rated], (right[rated] <= RIGHT).double()
    rmsd, error, entropy = (pooled(parts, name) for name in ("rmsd", "error", "entropy"))
    result: Metrics = {
        "native_log_density": mean(pooled(parts, "native_log_density")),
        "probability": mean(probability),
        "probability_right": mean(right),
        "calibration_error": calibration_error(probability, right),
        "entropy_spearman": _spearman(entropy, rmsd),
        "error_spearman": _spearman(error, rmsd),
        "error_mae": mean((error - rmsd).abs()),
    }
    sampled = any(part.samples > 1 for part in parts)
    closest = pooled(parts, "closest_chi")
    for tolerance, suffix in _SUFFIX.items():
        result[f"coverage{suffix}"] = fraction_within(closest, tolerance) if sampled else None
    return result


def calibration_bins(parts: Sequence[ResidueAgreement]) -> list[CalibrationBin]:
    """The probability of side chains and the fraction of them that is right, in bins of probability."""
    probability, right = pooled(parts, "probability"), pooled(parts, "worst_chi")
    rated = ~probability.isnan() & ~right.isnan()
    pairs = torch.stack([probability[rated], (right[rated] <= RIGHT).double()])
    bins = calibration([(pairs[0].tolist(), pairs[1].tolist())])
    return [replace(b, tenth=b.true, ninetieth=b.true) for b in bins]  # of yes and no quantiles tell nothing


def calibration_error(probability: Float[Tensor, "r"], right: Float[Tensor, "r"]) -> float | None:
    """Expected calibration error: |mean probability - fraction right| of each bin, weighted by its residues.

    Examples
    --------
    >>> round(calibration_error(torch.tensor([0.9, 0.9, 0.2, 0.2]), torch.tensor([1.0, 0.0, 0.0, 0.0])), 3)
    0.3
    """
    if not len(probability):
        return None
    bins = (probability * BINS).long().clamp(0, BINS - 1)
    gaps = torch.zeros(BINS, dtype=torch.float64).index_add_(0, bins, (probability - right).double())
    return float(gaps.abs().sum() / len(probability))


def _spearman(first: Float[Tensor, "r"], second: Float[Tensor, "r"]) -> float | None:
    known: Bool[Tensor, "r"] = ~first.isnan() & ~second.isnan()
    return spearman(first[known].numpy(), second[known].numpy())
