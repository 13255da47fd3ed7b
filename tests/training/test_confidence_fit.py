"""Calibration of predicted lDDT: coefficients of logits with the least squared error."""

from __future__ import annotations

import pytest
import torch

from protein_enn.training.confidence_fit import _calibrated


def test_coefficients_are_found_again() -> None:
    generator = torch.Generator().manual_seed(0)
    logit, of_plddt = torch.randn(2, 4000, generator=generator)
    true = (0.5 * logit + 0.4 * of_plddt - 0.1).sigmoid()
    rows = torch.stack([logit, of_plddt, torch.ones_like(logit), true], 1)
    assert _calibrated(rows).tolist() == pytest.approx([0.5, 0.4, -0.1], abs=1e-3)


def test_the_mean_of_noisy_lddt_is_kept() -> None:
    generator = torch.Generator().manual_seed(1)
    logit = torch.randn(4000, generator=generator)
    true = ((0.8 * logit + 0.5).sigmoid() + 0.1 * torch.randn(4000, generator=generator)).clamp(0, 1)
    slope, offset = _calibrated(torch.stack([logit, torch.ones_like(logit), true], 1)).tolist()
    predicted = (slope * logit + offset).sigmoid()
    assert float(predicted.mean()) == pytest.approx(float(true.mean()), abs=0.01)
