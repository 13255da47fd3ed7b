"""Representations of rotations and reflections."""

import pytest
import torch

from protein_enn.geometry.rotations import random_rotation
from protein_enn.nn.rotation import representation, rotated_features
from protein_enn.nn.spherical import spherical_harmonics

IRREPS = "2x0e + 3x0o + 2x1o + 1x1e + 2x2e + 1x3o"


def test_rotated_rows_are_the_rows_times_the_matrix():
    rotation = -random_rotation(3)
    matrix = representation(IRREPS, rotation)
    rows = torch.randn(4, len(matrix), dtype=torch.float64)
    torch.testing.assert_close(rotated_features(rows, IRREPS, rotation), rows @ matrix.T, atol=1e-12, rtol=0)


def test_representations_multiply_as_the_rotations_do():
    a, b = random_rotation(1), -random_rotation(2)
    both = representation(IRREPS, a @ b)
    torch.testing.assert_close(representation(IRREPS, a) @ representation(IRREPS, b), both, atol=1e-12, rtol=0)


def test_harmonics_rotate_by_their_representation():
    rotation = -random_rotation(5)
    unit = torch.nn.functional.normalize(torch.randn(6, 3, dtype=torch.float64), dim=-1)
    before, after = spherical_harmonics(3, unit), spherical_harmonics(3, unit @ rotation.T)
    torch.testing.assert_close(
        rotated_features(before, "1x0e + 1x1o + 1x2e + 1x3o", rotation), after, atol=1e-12, rtol=0
    )


def test_irreps_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="are 3 numbers, but a row has 4"):
        rotated_features(torch.zeros(1, 4), "1x1o", random_rotation())
