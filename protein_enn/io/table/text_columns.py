"""Columns of a text to codes and numbers by the compiled loops of text_columns.c, where they were built.

Each function returns None without them; the caller then computes the same by arrays, several times slower.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from protein_enn.shared_library import load

_VERSION = 2  # of text_columns.c
WIDEST_NUMBER = 400
"""Characters of a number: float64 has 309 digits before the point."""
Integers = NDArray[np.int64]
States = NDArray[np.uint8]


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled loops; None if they were not built, cannot be loaded or are of another version."""
    loops = load(Path(__file__).parent, "_text_columns*", "protein_enn_columns_version", _VERSION)
    if loops is None:
        return None
    for name in ("codes", "numbers", "integers", "pieces", "decimals", "replace"):
        getattr(loops, f"protein_enn_{name}").restype = ctypes.c_int64
    loops.protein_enn_lines.restype = None
    return loops


class Column(ctypes.Structure):
    """m cells of a text: cell i is `lengths[i]` bytes from `starts[i]`."""

    _fields_ = (
        ("text", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("starts", ctypes.c_void_p),
        ("starts_step", ctypes.c_int64),
        ("lengths", ctypes.c_void_p),
        ("lengths_step", ctypes.c_int64),
        ("count", ctypes.c_int64),
    )
    arrays: tuple[NDArray, ...]

    def piece(self, i: int) -> bytes:
        """Cell i."""
        starts, lengths = self.arrays[1:]
        return ctypes.string_at(self.text + int(starts[i]), int(lengths[i if self.lengths_step else 0]))


def column(text: NDArray[np.uint8], starts: Integers, lengths: Integers) -> Column:
    """The column of these cells, which may be of one length.

    Parameters
    ----------
    text
        Contiguous bytes.
    starts, lengths
        Of each cell; `lengths` may be broadcast.
    """
    steps = starts.strides[0], lengths.strides[0]
    cells = Column(_address(text), len(text), _address(starts), steps[0], _address(lengths), steps[1], len(starts))
    cells.arrays = text, starts, lengths  # which it only points to
    return cells


class FixedWidth:
    """Columns of a rectangle of text, (m, width)."""

    def __init__(self, grid: NDArray[np.uint8]) -> None:
        self._grid = np.ascontiguousarray(grid)
        self._count, self._width = grid.shape
        self._starts = np.arange(0, grid.size, self._width)
        self._text, self._rows = _address(self._grid), _address(self._starts)

    def column(self, start: int, end: int) -> Column:
        """Columns start to end."""
        lengths = np.array([end - start])
        cells = Column(self._text + start, self._grid.size - start, self._rows, 8, _address(lengths), 0, self._count)
        cells.arrays = self._grid, self._starts, lengths
        return cells


def codes(cells: Column, *, stripped: bool) -> tuple[Integers, Integers] | None:
    """The code of each cell, by first appearance, and the first row of each code.

    Parameters
    ----------
    cells
        A column.
    stripped
        Whether blanks at either end do not count.
    """
    if (loops := library()) is None:
        return None
    found, first = np.empty((2, cells.count), dtype=np.int64)
    count = loops.protein_enn_codes(ctypes.byref(cells), ctypes.c_int64(stripped), _pointer(found), _pointer(first))
    return found, first[: _checked(count)]


def numbers(cells: Column) -> tuple[NDArray[np.float64], States, int] | None:
    """Values, states, and how many are BAD: not in plain decimal notation."""
    if (loops := library()) is None:
        return None
    values, states = np.empty(cells.count), np.empty(cells.count, dtype=np.uint8)
    return values, states, _checked(loops.protein_enn_numbers(ctypes.byref(cells), _pointer(values), _pointer(states)))


def integers(cells: Column) -> tuple[Integers, States, int] | None:
    """The same for whole numbers of at most nine digits."""
    if (loops := library()) is None:
        return None
    values, states = np.empty(cells.count, dtype=np.int64), np.empty(cells.count, dtype=np.uint8)
    return values, states, _checked(loops.protein_enn_integers(ctypes.byref(cells), _pointer(values), _pointer(states)))


def lines(data: bytes) -> tuple[Integers, Integers, NDArray[np.uint64]] | None:
    """Starts and lengths of the lines, and the first six characters of each in lower case as a number."""
    if (loops := library()) is None:
        return None
    count = data.count(b"\n") + 1
    starts, lengths = np.empty((2, count), dtype=np.int64)
    heads = np.empty(count, dtype=np.uint64)
    sizes = ctypes.c_int64(len(data)), ctypes.c_int64(count)
    loops.protein_enn_lines(ctypes.c_char_p(data), *sizes, _pointer(starts), _pointer(lengths), _pointer(heads))
    return starts, lengths, heads


def pieces(data: bytes, start: int, count: int) -> tuple[Integers, Integers, int] | None:
    """Starts and lengths of the first pieces between blanks, and the place after them.

    None also where they need not be the values of a CIF loop: comments, text fields, quoted blanks, names, or bytes
    beyond ASCII.
    """
    if (loops := library()) is None or count > len(data):
        return None
    starts, lengths = np.empty((2, count), dtype=np.int64)
    sizes = (ctypes.c_int64(size) for size in (start, len(data), count))
    end = loops.protein_enn_pieces(ctypes.c_char_p(data), *sizes, _pointer(starts), _pointer(lengths))
    return None if end < 0 else (starts, lengths, end)


def decimals(cells: Column, least: int, most: int) -> Integers | None:
    """Digits behind the point of each number, from `least` to `most`."""
    if (loops := library()) is None:
        return None
    found = np.empty(cells.count, dtype=np.int64)
    limits = ctypes.c_int64(least), ctypes.c_int64(most)
    _checked(loops.protein_enn_decimals(ctypes.byref(cells), *limits, _pointer(found)))
    return found


def replace_numbers(
    data: bytes, starts: Integers, ends: Integers, following: Integers, digits: Integers, values: NDArray[np.float64]
) -> bytes | None:
    """The text with new numbers in place of others.

    Parameters
    ----------
    data
        The text.
    starts, ends
        Of each old number, in order.
    following
        Start of the next value of the row, -1 for the last one. On the same line it keeps its column where possible.
    digits
        Behind the point of each new number.
    values
        The new numbers.
    """
    if (loops := library()) is None:
        return None
    out = np.empty(len(data) + WIDEST_NUMBER * len(starts) + 1, dtype=np.uint8)
    parts = [np.ascontiguousarray(part, dtype=np.int64) for part in (starts, ends, following, digits)]
    parts.append(np.ascontiguousarray(values, dtype=np.float64))
    sizes = ctypes.c_int64(len(data)), ctypes.c_int64(len(starts))
    size = loops.protein_enn_replace(
        ctypes.c_char_p(data), *sizes, *map(_pointer, parts), _pointer(out), ctypes.c_int64(len(out))
    )
    return out[: _checked(size)].tobytes()


def _checked(count: int) -> int:
    """The result of a loop, which is negative for an error."""
    if count == -1:
        raise MemoryError("no memory to read a column")
    if count < 0:
        raise IndexError("a cell of a column is not within its text")
    return count


def _address(array: NDArray) -> int:
    return int(array.__array_interface__["data"][0])


def _pointer(array: NDArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(_address(array))
