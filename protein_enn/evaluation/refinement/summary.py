"""Figures of many outcomes together: means before and after, bins of starting quality, how certain the gain is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

import torch

from protein_enn.evaluation.design import Metrics
from protein_enn.evaluation.refinement.confidence import agreement
from protein_enn.evaluation.refinement.outcome import Figures, Outcome, number
from protein_enn.metrics.outliers import counted_per

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
MEANS = ("lddt", "ca_lddt", "gdt_ha", "chi1", "chi2", "side_chain_rmsd")
"""Figures whose mean over targets is given."""


def summarize(outcomes: Sequence[Outcome]) -> Metrics:
    """Means over targets unless said otherwise; None where nothing is known."""
    before, after = [o.before for o in outcomes], [o.after for o in outcomes]
    result: Metrics = {}
    for key in MEANS:
        result |= {f"{key}_{when}": _mean([f[key] for f in side]) for when, side in _sides(before, after)}
    result |= _gain(outcomes)
    for when, side in _sides(before, after):
        result |= _outliers(when, side, residues=sum(o.residues for o in outcomes))
    clashes = [_total([f["clashes"] for f in side]) for side in (before, after)]
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


def _outliers(when: str, side: list[Figures], residues: int) -> Metrics:
    """Clashes per 1,000 atoms, mean over targets; of all targets together the other outliers: per 1,000 residues, or
    as a fraction of the residues for which they are defined.
    """
    result: Metrics = {f"{kind.count}_{when}": _mean([f[kind.rate] for f in side]) for kind in counted_per("atoms")}
    for kind in counted_per("residues"):
        result[f"{kind.count}_per_1000_{when}"] = 1000 * _total([f[kind.count] for f in side]) / residues
    for kind in counted_per("evaluated"):
        evaluated = _total([f[kind.evaluated] for f in side])
        result[f"{kind.count}_{when}"] = _total([f[kind.count] for f in side]) / evaluated if evaluated else None
    return result


def _gain(outcomes: Sequence[Outcome]) -> Metrics:
    gains = [o.gain for o in outcomes]

    def share(count: Callable[[float], bool]) -> float | None:
        return sum(map(count, gains)) / len(gains) if gains else None

    low, high = interval(outcomes)
    return {
        "lddt_gain": _mean(gains),
        "lddt_gain_low": low,
        "lddt_gain_high": high,
        "improved": share(lambda g: g > THRESHOLD),
        "unchanged": share(lambda g: abs(g) <= THRESHOLD),
        "worse": share(lambda g: g < -THRESHOLD),
    }


def interval(outcomes: Sequence[Outcome], seed: int = 0) -> tuple[float | None, float | None]:
    """95 % interval of the mean gain by bootstrap over natives: all models of a drawn native come along.

    None with fewer than two natives.
    """
    natives = list(dict.fromkeys(o.native for o in outcomes))
    if len(natives) < 2:
        return None, None
    place = {native: i for i, native in enumerate(natives)}
    sums, counts = torch.zeros(2, len(natives), dtype=torch.float64)
    for o in outcomes:
        sums[place[o.native]] += o.gain
        counts[place[o.native]] += 1
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


def _sides(before: list[Figures], after: list[Figures]) -> tuple[tuple[str, list[Figures]], tuple[str, list[Figures]]]:
    return ("before", before), ("after", after)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return fmean(known) if known else None


def _total(values: Sequence[float | None]) -> float:
    return sum(v for v in values if v is not None)
