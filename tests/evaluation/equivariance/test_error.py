"""The relative error: scale, floor, and what has none."""

import math

import pytest
import torch

from protein_enn.evaluation.equivariance.error import relative_error


@pytest.mark.parametrize(
    ("found", "expected", "floor", "error"),
    [
        ([1.0, -4.0], [1.0, -5.0], 0.0, 0.2),
        ([1.0, -4.0], [1.0, -5.0], 10.0, 0.1),
        ([0.0], [0.0], 0.0, 0.0),
        ([0.5], [0.0], 0.0, math.inf),
        ([0.5], [0.0], 1.0, 0.5),
        ([math.nan], [1.0], 0.0, math.inf),
        ([1.0, 2.0], [1.0], 0.0, math.inf),
        ([], [], 0.0, 0.0),
    ],
)
def test_error_is_relative_to_the_largest_number_expected(
    found: list[float], expected: list[float], floor: float, error: float
) -> None:
    assert relative_error(torch.tensor(found), torch.tensor(expected), floor) == pytest.approx(error)
