"""Metrics of many outcomes together: averages before and after, bins of starting quality, and the gain's interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

import torch

from protein_enn.evaluation.design import Metrics
from protein_enn.evaluation.refinement.confidence import agreement
from protein_enn.evaluation.refinement.metric_table import OUTLIERS, SIMILARITY, Metric, mean, total
from protein_enn.evaluation.refinement.outcome import Outcome, number

THRESHOLD = 0.005
"""Change of the all-heavy-atom lDDT beyond which a model counts as improved or worse."""
BINS: tuple[tuple[str, float, float], ...] = (
    ("0_80", -math.inf, 0.80),
    ("80_90", 0.80, 0.90),
    ("90_95", 0.90, 0.95),
    ("95_100", 0.95, math.inf),
)
"""Name, lowest and highest lDDT of the input, as low <= lDDT < high."""
DRAWS = 5000
"""Of the bootstrap."""


def summarize(outcomes: Sequence[Outcome]) -> Metrics:
    """Flat metrics of a set by one variant; None where one is not defined.

    Parameters
    ----------
    outcomes
        Of the set.

    Returns
    -------
    dict
        Averages of `METRICS` before and after, the gain of lDDT with its interval, movements, new outliers, agreement
        of predicted and true quality, and the gain by bins of starting quality.
    """
    result = {**_averages(SIMILARITY, outcomes), **_gain(outcomes), **_averages(OUTLIERS, outcomes)}
    clashes = [total(side, "clashes") for side in ([o.before for o in outcomes], [o.after for o in outcomes])]
    result["clashes_removed"] = 1 - clashes[1] / clashes[0] if clashes[0] else None
    result["clashes_grown"] = sum(number(o.after["clashes"]) > number(o.before["clashes"]) for o in outcomes)
    result["moved"] = fmean(o.moved for o in outcomes)
    result["reverted"] = fmean(o.reverted for o in outcomes)
    shifts = [o.median_ca for o in outcomes if o.median_ca is not None]
    result["median_ca_shift"] = median(shifts) if shifts else None
    result["median_ca_shift_largest"] = max(shifts, default=None)
    result["max_ca_shift"] = max((o.max_ca for o in outcomes if o.max_ca is not None), default=None)
    result["new_outliers"] = sum(sum(o.new_outliers.values()) for o in outcomes)
    result |= {f"new_{kind}": sum(o.new_outliers[kind] for o in outcomes) for kind in outcomes[0].new_outliers}
    result |= _confidence(outcomes)
    result |= {"pairs": len(outcomes), "natives": len({o.native for o in outcomes})}
    result |= {"residues": sum(o.residues for o in outcomes), "seconds": sum(o.seconds for o in outcomes)}
    for name, low, high in BINS:
        chosen = [o for o in outcomes if low <= number(o.before["lddt"]) < high]
        result[f"pairs_bin_{name}"] = len(chosen)
        result |= {f"{key}_bin_{name}": value for key, value in _gain(chosen).items()}
    return result


def _averages(metrics: Sequence[Metric], outcomes: Sequence[Outcome]) -> Metrics:
    """Averages of some metrics before and after."""
    residues = sum(o.residues for o in outcomes)
    sides = {"before": [o.before for o in outcomes], "after": [o.after for o in outcomes]}
    return {f"{m.name}_{when}": m.over(side, residues) for m in metrics for when, side in sides.items()}


def _gain(outcomes: Sequence[Outcome]) -> Metrics:
    """The gain of lDDT, its interval, and how many outcomes are improved, unchanged and worse."""
    gains = [o.gain for o in outcomes]

    def fraction(counts: Callable[[float], bool]) -> float | None:
        return sum(map(counts, gains)) / len(gains) if gains else None

    low, high = interval(outcomes)
    return {
        "lddt_gain": mean(gains),
        "lddt_gain_low": low,
        "lddt_gain_high": high,
        "improved": fraction(lambda g: g > THRESHOLD),
        "unchanged": fraction(lambda g: abs(g) <= THRESHOLD),
        "worse": fraction(lambda g: g < -THRESHOLD),
    }


def interval(outcomes: Sequence[Outcome], seed: int = 0) -> tuple[float | None, float | None]:
    """95 % interval of the mean gain by bootstrap over natives, each drawn with all its models.

    None with fewer than two natives.
    """
    natives = list(dict.fromkeys(o.native for o in outcomes))
    if len(natives) < 2:
        return None, None
    index = {native: i for i, native in enumerate(natives)}
    sums, counts = torch.zeros(2, len(natives), dtype=torch.float64)
    for o in outcomes:
        sums[index[o.native]] += o.gain
        counts[index[o.native]] += 1
    drawn = torch.randint(len(natives), (DRAWS, len(natives)), generator=torch.Generator().manual_seed(seed))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def _confidence(outcomes: Sequence[Outcome]) -> Metrics:
    """Predicted against true lDDT of the input (`plddt_`) and of the result (`_after`); error of the result in Å."""
    parts = {
        ("plddt_", ""): [o.lddt_before for o in outcomes],
        ("plddt_", "_after"): [o.lddt_after for o in outcomes],
        ("error_", ""): [o.error_after for o in outcomes],
    }
    return {
        f"{head}{key}{tail}": value for (head, tail), pairs in parts.items() for key, value in agreement(pairs).items()
    }
