"""Missing atoms, and occupancies and B factors without information."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from protein_enn import chemistry
from protein_enn.io.checks.plausibility import find_implausible
from protein_enn.structure import Structure

N, CA, C, O, CB = chemistry.N, chemistry.CA, chemistry.C, chemistry.O, chemistry.CB  # noqa: E741 - oxygen


def codes(structure: Structure) -> dict[str, str]:
    return {finding.code: finding.severity for finding in find_implausible(structure)}


def test_occupancies_all_zero(native: Structure) -> None:
    zero = replace(native, occupancies=torch.zeros_like(native.occupancies))
    assert codes(zero)["no-occupancy"] == "warning"
    zero.occupancies[5, CA] = 1
    assert "no-occupancy" not in codes(zero)


def ramp(structure: Structure, low: float, high: float, by_atom: bool) -> torch.Tensor:
    count = structure.present.numel() if by_atom else len(structure)
    return torch.linspace(low, high, count).repeat_interleave(structure.present.numel() // count).view(-1, 37)


@pytest.mark.parametrize(
    ("low", "high", "by_atom", "predicted", "expected"),
    [
        (20, 20, False, False, {"equal-b": "note"}),
        (40, 98, False, False, {"plddt-undeclared": "note"}),
        (40, 98, True, False, {}),  # one value an atom
        (40, 110, False, False, {}),  # B factors of groups
        (-1, 98, False, False, {}),
        (10, 40, False, False, {}),
        (0.3, 0.98, True, False, {"plddt-fraction": "note"}),
        (0.3, 0.98, True, True, {"plddt-fraction": "warning"}),
        (40, 98, False, True, {}),
        (40, 110, False, True, {"not-plddt": "warning"}),
        (-1, 98, False, True, {"not-plddt": "warning"}),
    ],
)
def test_b_factors_and_plddt(
    native: Structure, low: float, high: float, by_atom: bool, predicted: bool, expected: dict[str, str]
) -> None:
    structure = replace(native, b_factors=ramp(native, low, high, by_atom), predicted=predicted)
    found = codes(structure)
    assert {code: found[code] for code in found if "b" in code.split("-") or "plddt" in code} == expected
