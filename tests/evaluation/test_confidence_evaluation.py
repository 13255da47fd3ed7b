"""Agreement of predicted with true quality, for models with and without pLDDT, beside the baselines."""

from __future__ import annotations

import pytest

from protein_enn.evaluation.confidence import HIDDEN, SHOWN, ConfidenceEvaluation, ConfidenceOutcome, miscalibration
from protein_enn.evaluation.refinement.outcome import Pair


def outcome(name: str, has_plddt: bool, shift: float) -> ConfidenceOutcome:
    true: list[float | None] = [shift + 0.01 * i for i in range(20)]
    off: list[float | None] = [0.9 - 0.5 * v for v in true if v is not None]
    plddt: list[float | None] = true if has_plddt else [None] * 20
    lddt: dict[str, Pair] = {SHOWN: (true, true), HIDDEN: (off, true), "plddt": (plddt, true)}
    lddt |= {"likelihood": (off, true), "contacts": (true, true)}
    return ConfidenceOutcome(name, name, has_plddt, True, 0.0, lddt, (true, true))


def test_metrics_of_each_estimator_and_group():
    evaluation = ConfidenceEvaluation({}, [outcome("a", True, 0.1), outcome("b", False, 0.4), outcome("c", True, 0.6)])
    found = evaluation.metrics()
    assert (found["models_all"], found["models_with_plddt"], found["models_without_plddt"]) == (3, 2, 1)
    assert found["network_pearson_all"] == pytest.approx(1) and found["network_mae_all"] == pytest.approx(0)
    assert found["network_without_plddt_pearson_all"] == pytest.approx(-1)
    assert found["network_pearson_of_means_all"] == pytest.approx(1)
    assert found["plddt_pearson_of_means_without_plddt"] is None and found["plddt_pearson_with_plddt"] is not None
    assert found["likelihood_mae_all"] is None and found["likelihood_pearson_all"] == pytest.approx(-1)
    assert "with plddt: 2 models" in evaluation.markdown()


def test_miscalibration_is_that_of_the_worst_large_bin():
    pairs = [([0.92] * 600 + [0.52] * 3, [0.9] * 600 + [0.1] * 3)]
    assert miscalibration(pairs) == pytest.approx(0.02) and miscalibration(pairs, least=1) == pytest.approx(0.42)
    assert miscalibration(pairs, least=1000) is None
