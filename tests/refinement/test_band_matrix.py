"""Band matrices: sums of products, factors and solutions against dense matrices, by compiled loops and by LAPACK."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import numpy as np
import pytest

from protein_enn.refinement.idealize import band_matrix
from protein_enn.refinement.idealize.band_matrix import Factor, library, sum_of_products

SIZES = [(1, 1), (2, 3), (5, 3), (10, 9), (31, 40), (100, 12), (301, 72)]
"""Rows and widths of the band: wider than the matrix, full blocks and others."""


@pytest.fixture(params=["compiled", "lapack"])
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "compiled":
        if library() is None:
            pytest.skip("no compiled loops here: they need a C compiler")
        yield request.param
    else:
        with patch.object(band_matrix, "library", lambda: None):
            yield request.param


def banded(size: int, width: int, zeros: float) -> np.ndarray:
    """A band that is positive definite, with zeros in it as between atoms that no term joins."""
    rng = np.random.default_rng(size)
    band = rng.standard_normal((size, width)) * (rng.random((size, width)) >= zeros)
    band[:, 0] = np.abs(band[:, 0]) + 2 * width
    for d in range(width):
        band[max(size - d, 0) :, d] = 0
    return band


def dense(band: np.ndarray) -> np.ndarray:
    size, width = band.shape
    full = np.zeros((size, size))
    for d in range(min(width, size)):
        rows = np.arange(size - d)
        full[rows + d, rows] = full[rows, rows + d] = band[: size - d, d]
    return full


@pytest.mark.parametrize("zeros", [0.0, 0.9])
@pytest.mark.parametrize(("size", "width"), SIZES)
def test_solutions_are_those_of_the_dense_matrix(way: str, size: int, width: int, zeros: float) -> None:
    band, right = banded(size, width, zeros), np.random.default_rng(1).standard_normal(size)
    factor = Factor.of(band.copy())
    expected = np.linalg.solve(dense(band), right)
    np.testing.assert_allclose(factor.solve(right.copy()), expected, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(factor.solve(2 * right), 2 * expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_what_is_not_positive_definite_is_refused(way: str, wrong: float) -> None:
    band = banded(20, 6, 0.5)
    band[11, 0] = wrong
    with pytest.raises(ArithmeticError):
        Factor.of(band)


def test_products_of_rows_are_added_where_they_belong(way: str) -> None:
    rng = np.random.default_rng(2)
    first, second = rng.standard_normal((2, 5)), rng.standard_normal((3, 4))
    cells = [rng.integers(0, 13, (3, 5)), rng.integers(0, 13, (6, 4))]  # 12 is nowhere
    expected = np.zeros(13)
    for factors, where in ((first, cells[0]), (second, cells[1])):
        pairs = [(i, j) for i in range(len(factors)) for j in range(i + 1)]
        for cell, (i, j) in zip(where, pairs, strict=True):
            np.add.at(expected, cell, factors[i] * factors[j])
    found = sum_of_products(cells, [first, second], 4, 3)
    np.testing.assert_allclose(found, expected[:12].reshape(4, 3), atol=1e-12)
