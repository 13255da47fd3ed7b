"""Symmetric positive definite band matrices: sums of products, Cholesky factors, solutions.

By the compiled loops of band_matrix.c, built at installation where there is a C compiler, which leave out the zeros of
the factor; without them by NumPy and LAPACK.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg.lapack import dpbtrf, dpbtrs

from protein_enn.shared_library import load

_VERSION = 1  # of the C source that this file belongs to


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled loops; None if they were not built, cannot be loaded or are of another version."""
    loops = load(Path(__file__).parent, "_band_matrix*", "protein_enn_band_version", _VERSION)
    if loops is not None:
        loops.protein_enn_band_factor.restype = ctypes.c_int64
    return loops


def sum_of_products(
    cells: Sequence[Int[np.ndarray, "p q"]], factors: Sequence[Float[np.ndarray, "k q"]], size: int, width: int
) -> Float[np.ndarray, "size width"]:
    """The lower half of a band matrix, column by column: in row j the elements of rows j to j + width - 1.

    Parameters
    ----------
    cells
        Of each set of factors: where the products of rows i and j <= i of it belong, j counting faster, as
        column * width + row - column; size * width for nowhere.
    factors
        Sets of k factors of each of q products.
    """
    loops = library()
    if loops is None:
        pairs = [np.tril_indices(len(part)) for part in factors]
        products = [(part[i] * part[j]).reshape(-1) for part, (i, j) in zip(factors, pairs, strict=True)]
        where = np.concatenate([part.reshape(-1) for part in cells])
        total: np.ndarray = np.bincount(where, np.concatenate(products), size * width + 1)
        total = total.astype(np.float64, copy=False)  # integers where there are no products
    else:
        total = np.zeros(size * width + 1)
        for part, where in zip(factors, cells, strict=True):
            part, where = np.ascontiguousarray(part, np.float64), np.ascontiguousarray(where, np.int64)
            shape = (ctypes.c_int64(length) for length in part.shape)
            loops.protein_enn_band_add(_pointer(part), _pointer(where), *shape, _pointer(total))
    return total[:-1].reshape(size, width)


@dataclass(frozen=True, eq=False)
class Factor:
    """The Cholesky factor of a band matrix, stored like it."""

    lower: Float[np.ndarray, "size width"]
    lengths: Int[np.ndarray, "size"] | None  # of the columns up to their last element; None with LAPACK

    @staticmethod
    def of(matrix: Float[np.ndarray, "size width"]) -> Factor:
        """That of a matrix, which is overwritten. ArithmeticError if it is not positive definite."""
        loops = library()
        if loops is None:
            lower, failed = dpbtrf(matrix.T, lower=1, overwrite_ab=1)
            factor = Factor(lower.T, None)
            failed = failed or not np.isfinite(lower[0]).all()  # not all LAPACKs say so
        else:
            lengths = np.empty(len(matrix), np.int64)
            shape = (ctypes.c_int64(length) for length in matrix.shape)
            failed = not loops.protein_enn_band_factor(_pointer(matrix), *shape, _pointer(lengths))
            factor = Factor(matrix, lengths)
        if failed:
            raise ArithmeticError("the matrix is not positive definite")
        return factor

    def solve(self, right: Float[np.ndarray, "size"]) -> Float[np.ndarray, "size"]:
        """The solution of matrix x = right, which is overwritten."""
        loops = library()
        if loops is None or self.lengths is None:
            solution: np.ndarray = dpbtrs(self.lower.T, right, lower=1, overwrite_b=1)[0]
            return solution
        shape = (ctypes.c_int64(length) for length in self.lower.shape)
        loops.protein_enn_band_solve(_pointer(self.lower), *shape, _pointer(self.lengths), _pointer(right))
        return right


def _pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
