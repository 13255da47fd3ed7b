"""Metrics of sequences and the flat record."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from protein_enn import chemistry
from protein_enn.metrics import perplexity, recovery, validate
from protein_enn.structure import Structure


def test_recovery_and_perplexity() -> None:
    native = torch.tensor([0, 1, 2, chemistry.UNKNOWN])
    assert recovery(torch.tensor([0, 1, 3, 4]), native) == pytest.approx(2 / 3)
    assert recovery(torch.tensor([0, 1, 3, 4]), native, torch.tensor([True, False, True, True])) == 0.5
    assert perplexity(torch.full((4, 20), -math.log(20)), native) == pytest.approx(20)
    sure = torch.full((4, 20), -9.0)
    sure[[0, 1, 2], [0, 1, 2]] = torch.log(torch.tensor([0.5, 0.25, 1.0]))
    assert perplexity(sure, native) == pytest.approx(8 ** (1 / 3))
    assert math.isnan(recovery(native[3:], native[3:])) and math.isnan(perplexity(sure[3:], native[3:]))


def test_perfect_model(chain: Structure) -> None:
    record = json.loads(json.dumps(validate(chain, chain), allow_nan=False))
    assert record["rmsd"] == pytest.approx(0, abs=1e-4)
    ones = ("tm_score", "gdt_ts", "gdt_ha", "lddt", "ca_lddt", "chi1_accuracy")
    assert [record[name] for name in ones] == pytest.approx([1.0] * 6)
    assert record["matched_residues"] == record["residues"] == len(chain)


def test_partial_and_wrong_models_score_less(chain: Structure) -> None:
    half = validate(chain.take(torch.arange(len(chain) // 2)), chain)
    assert half["tm_score"] == pytest.approx(0.5, abs=0.01) and half["rmsd"] == pytest.approx(0, abs=1e-4)
    positions = chain.positions.clone()
    gammas = [k for k, name in enumerate(chemistry.ATOMS) if name not in ("N", "CA", "C", "O", "CB", "OXT")]
    middle = (positions[:, chemistry.CA] + positions[:, chemistry.CB]) / 2
    positions[:, gammas] = 2 * middle[:, None] - positions[:, gammas]
    wrong: dict[str, Any] = dict(validate(chain.with_positions(positions), chain))
    assert wrong["ca_lddt"] == 1.0 and wrong["lddt"] < 0.95 and wrong["chi1_accuracy"] < 0.2


def test_nothing_in_common(chain: Structure) -> None:
    tiny = replace(chain.take(torch.arange(2)), residues=torch.full((2,), chemistry.UNKNOWN))
    record = validate(tiny, chain)
    assert record["matched_residues"] == 0
    assert [record[name] for name in ("rmsd", "tm_score", "gdt_ts", "lddt", "chi1_accuracy")] == [None] * 5
    assert "rmsd" not in validate(tiny)
