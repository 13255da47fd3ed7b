"""How well scores rank measurements: Spearman, pooled and per protein, with intervals from drawing whole proteins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

LEAST = 5
"""Measurements a protein must have for a rank correlation of its own."""
MANY = 10
"""Those that it has in published figures per structure of SKEMPI."""
RESAMPLES = 500
Columns = tuple[np.ndarray, np.ndarray]
"""Scores and measurements of one protein, both better when higher."""


def ranking(proteins: Sequence[Columns], seed: int) -> dict[str, float | None]:
    """Pooled rank correlation with its 95 % bootstrap interval over proteins, mean and median of the proteins' own.

    `spearman_per_protein_of_10` is the mean over proteins with `MANY` measurements or more.
    """
    own = [(len(a), value) for a, b in proteins if len(a) >= LEAST and (value := spearman(a, b)) is not None]
    each, many = [value for _, value in own], [value for n, value in own if n >= MANY]
    low, high = interval(proteins, seed)
    return {
        "spearman": pooled(proteins),
        "spearman_low": low,
        "spearman_high": high,
        "spearman_per_protein": float(np.mean(each)) if each else None,
        "spearman_per_protein_median": float(np.median(each)) if each else None,
        "spearman_per_protein_of_10": float(np.mean(many)) if many else None,
    }


def spearman(a: np.ndarray, b: np.ndarray) -> float | None:
    """Rank correlation, ties by their mean rank; None where one side does not vary.

    Examples
    --------
    >>> spearman(np.array([0.1, 0.5, 0.4]), np.array([1.0, 3.0, 2.0])), spearman(np.ones(3), np.arange(3))
    (1.0, None)
    """
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])


def pooled(proteins: Sequence[Columns]) -> float | None:
    """Rank correlation over the measurements of all proteins together."""
    return spearman(np.concatenate([a for a, _ in proteins]), np.concatenate([b for _, b in proteins]))


def interval(proteins: Sequence[Columns], seed: int) -> tuple[float | None, float | None]:
    """2.5 and 97.5 % quantiles of the pooled correlation when whole proteins are drawn with replacement."""
    if len(proteins) < 2:
        return None, None
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(proteins), size=len(proteins)) for _ in range(RESAMPLES))
    values = [value for draw in draws if (value := pooled([proteins[i] for i in draw])) is not None]
    if not values:
        return None, None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def paired(
    proteins: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]], seed: int
) -> tuple[float | None, float | None, float | None]:
    """Pooled correlation of one score less that of another, with its 95 % interval from drawing whole proteins.

    Each protein has both scores and the measurements. None where a correlation is not defined.
    """

    def difference(chosen: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float | None:
        one, other = (pooled([(row[k], row[2]) for row in chosen]) for k in (0, 1))
        return None if one is None or other is None else one - other

    value = difference(proteins)
    if value is None or len(proteins) < 2:
        return value, None, None
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(proteins), size=len(proteins)) for _ in range(RESAMPLES))
    values = [found for draw in draws if (found := difference([proteins[i] for i in draw])) is not None]
    low, high = np.quantile(values, [0.025, 0.975])
    return value, float(low), float(high)
