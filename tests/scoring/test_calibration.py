"""A calibration finds the slope through zero, bears wild measurements, and belongs to its weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from protein_enn.predictor import Predictor, load_predictor
from protein_enn.scoring import scan, score_mutants
from protein_enn.scoring.calibration import KEY, LEAST, Calibration, calibration_of, fit, store
from protein_enn.structure import Structure

Pairs = list[tuple[list[float], list[float]]]


def proteins(slope: float, noise: float = 0.0, each: int = 20, number: int = 6) -> Pairs:
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(number):
        x = 2 * torch.randn(each, generator=generator, dtype=torch.float64) - 1
        y = slope * x + noise * torch.randn(each, generator=generator, dtype=torch.float64)
        found.append((x.tolist(), y.tolist()))
    return found


def fitted(pairs: Pairs, sha256: str = "0" * 64) -> Calibration:
    return fit(pairs, estimator="ddg_like", data="made", weights_sha256=sha256)


def test_the_slope_is_found() -> None:
    exact = fitted(proteins(0.6))
    assert exact.slope == pytest.approx(0.6) and exact.standard_error == pytest.approx(0, abs=1e-9)
    assert (exact.n, exact.proteins) == (120, 6)
    noisy = fitted(proteins(0.6, noise=1.0))
    assert 0 < noisy.standard_error < 0.2 and abs(noisy.slope - 0.6) < 4 * noisy.standard_error


def test_it_is_the_least_absolute_error() -> None:
    pairs = proteins(0.6, noise=1.0)
    x, y = (torch.tensor([v for pair in pairs for v in pair[i]], dtype=torch.float64) for i in (0, 1))

    def error(slope: float) -> float:
        return float((y - slope * x).abs().sum())

    best = fitted(pairs).slope
    assert all(error(best) <= error(best + step) for step in (-0.2, -0.01, 0.01, 0.2))


def test_a_wild_measurement_hardly_moves_it() -> None:
    pairs = proteins(0.6, noise=0.2)
    wild = [([*pairs[0][0], 3.0], [*pairs[0][1], -1000.0]), *pairs[1:]]
    assert fitted(wild).slope == pytest.approx(fitted(pairs).slope, abs=0.02)


def test_too_little_or_senseless_is_refused() -> None:
    few = [([1.0] * (LEAST - 1), [1.0] * (LEAST - 1))]
    with pytest.raises(ValueError, match=f"{LEAST - 1} measurements are too few"):
        fitted(few)
    with pytest.raises(ValueError, match="does not rise"):
        fitted(proteins(-0.5))
    with pytest.raises(ValueError, match="does not rise"):
        fitted([([0.0] * LEAST, [1.0] * LEAST)])
    with pytest.raises(ValueError, match="finite"):
        fitted([([float("nan")] * LEAST, [1.0] * LEAST)])


def test_it_is_kept_with_its_weights(bundle: Structure, predictor: Predictor, tmp_path: Path) -> None:
    path = predictor.save(tmp_path / "w.safetensors")
    before, tensors = json.loads(path.with_suffix(".json").read_text()), path.read_bytes()
    with pytest.raises(ValueError, match="other weights"):
        store(fitted(proteins(0.5)), path)
    fit_of_these = fitted(proteins(0.5), before["sha256"])
    store(fit_of_these, path)
    after = json.loads(path.with_suffix(".json").read_text())
    assert after.pop(KEY) == fit_of_these.to_dict() and after == before and path.read_bytes() == tensors
    loaded = load_predictor(path, device="cpu")
    found = scan(bundle, predictor=loaded)
    assert found.ddg_like is not None and "made" in found.calibration
    torch.testing.assert_close(found.ddg_like, 0.5 * found.scores, equal_nan=True)
    row = found.rows()[0]
    assert row["ddg_like"] == pytest.approx(0.5 * row["score"])
    mutant = f"A:{row['wt']}{row['number']}{row['mutant']}"
    assert score_mutants(bundle, [mutant], predictor=loaded).mutants[0].ddg_like == pytest.approx(row["ddg_like"])
    assert scan(bundle, predictor=loaded, estimator="single").ddg_like is None


def test_a_calibration_of_other_weights_is_not_used(predictor: Predictor) -> None:
    own = fitted(proteins(0.5), predictor.sha256).to_dict()
    for stored, why in (
        (own | {"weights_sha256": "1" * 64}, "other weights"),
        (own | {"estimator": "single"}, "estimator single"),
        ({"slope": 1.0}, "cannot be read"),
        (own | {"slope": -1.0}, "no positive slope"),
    ):
        found, reason = calibration_of(replace(predictor, info={**predictor.info, KEY: stored}), "ddg_like")
        assert found is None and why in reason
    assert calibration_of(replace(predictor, info={**predictor.info, KEY: own}), "ddg_like")[0] is not None
