"""Agreement of predicted and true quality, the calibration table and its plot."""

from __future__ import annotations

import numpy as np
import pytest

from protein_enn.evaluation.refinement.confidence import agreement, calibration
from protein_enn.report.calibration import calibration_plot
from protein_enn.report.svg import alone

Pair = tuple[list[float | None], list[float | None]]


def test_agreement_as_numpy_has_it_and_what_is_undefined_is_passed_over() -> None:
    rng = np.random.default_rng(0)
    predicted = rng.random((2, 40))
    true = 0.5 * predicted + 0.2 * rng.random((2, 40))
    pairs: list[Pair] = [
        ([*p, None, 0.9], [*t, 0.3, None]) for p, t in zip(predicted.tolist(), true.tolist(), strict=True)
    ]
    found = agreement(pairs)
    assert found["pearson"] == pytest.approx(np.corrcoef(predicted.ravel(), true.ravel())[0, 1])
    each = [np.corrcoef(p, t)[0, 1] for p, t in zip(predicted, true, strict=True)]
    assert found["pearson_mean"] == pytest.approx(np.mean(each))
    assert found["mae"] == pytest.approx(np.abs(predicted - true).mean())
    assert found["bias"] == pytest.approx((predicted - true).mean())
    assert set(agreement([([], []), ([0.5], [None])]).values()) == {None}
    assert agreement([([0.5, 0.5], [0.1, 0.9])])["pearson"] is None


def test_calibration_bins_hold_every_residue_once() -> None:
    predicted = [0.0, 0.049, 0.05, 0.72, 0.74, 1.0, None]
    bins = calibration([(predicted, [0.1, 0.3, 0.4, 0.6, 0.8, 0.9, 0.5])])
    assert [(round(b.low, 2), b.residues) for b in bins] == [(0.0, 2), (0.05, 1), (0.7, 2), (0.95, 1)]
    assert bins[2].predicted == pytest.approx(0.73) and bins[2].true == pytest.approx(0.7)
    assert bins[2].tenth == pytest.approx(0.62) and bins[2].ninetieth == pytest.approx(0.78)
    picture = alone(calibration_plot(bins))
    assert picture.count("<circle") == 4 and "6 residues in 4 bins" in picture and 'xmlns="http' in picture
    assert calibration([]) == [] and "<svg" in calibration_plot([])
