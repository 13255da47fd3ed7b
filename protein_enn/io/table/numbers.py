"""Text columns to numbers, all rows at once: decimal numbers in plain notation exactly as `float` reads them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.table import text_columns

OK, NULL, BAD = range(3)
"""What a cell holds: a finite number; nothing (blank, "?" or "."); something else."""
_EXACT_DIGITS = 15
"""A mantissa of this many digits and a power of ten up to 22 are exact in float64, and so is their rounded quotient."""
_WIDEST = 24


def parse_cells(cells: text_columns.Column, widest: int) -> tuple[NDArray[np.float64], NDArray[np.uint8]] | None:
    """As `parse_numbers`, of the cells of a text; None without compiled loops. Those beyond `widest` are BAD."""
    read = text_columns.numbers(cells)
    if read is None:
        return None
    values, states, bad = read
    for i in np.flatnonzero(states == BAD).tolist() if bad else ():
        if len(text := cells.piece(i)) <= widest:
            values[i], states[i] = _read_once(text.decode("latin-1"))
    return values, states


def parse_numbers(cells: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Values and states (OK, NULL, BAD) of (m, width) characters padded with blanks or NULs on either side.

    A standard uncertainty, `1.234(5)`, is cut off; quotes around a number are taken off. What is not OK has value 0.
    """
    aligned = _parse_aligned(cells)
    return _any_notation(cells) if aligned is None else (aligned, np.zeros(len(cells), dtype=np.uint8))


def _parse_aligned(cells: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Numbers written like `%8.3f`, with the point of all of them in one column; None when any is not."""
    count, width = cells.shape
    points = np.flatnonzero(cells[:1] == 46)
    if len(points) != 1 or not 0 < (point := int(points[0])) < width - 1 or width > _EXACT_DIGITS:
        return None
    columns = np.ascontiguousarray(cells.T)  # a column at a time is several times faster than a row at a time
    digits = columns - np.uint8(48)
    is_digit = digits < 10
    if not ((columns[point] == 46).all() and is_digit[point - 1].all() and is_digit[point + 1 :].all()):
        return None
    negative = columns[point - 1] == 45
    ten = np.int32(10) if width <= 10 else np.int64(10)
    mantissa: NDArray[Any] = np.zeros(count, dtype=ten.dtype)
    before = np.zeros(count, dtype=bool)  # a digit or a sign stands further left
    for position in range(point):
        column, digit = columns[position], is_digit[position]
        minus = column == 45
        blank = (column == 32) | (column == 0)
        if (before & ~digit).any() or not (digit | minus | blank).all():
            return None
        mantissa = mantissa * ten + digits[position] * digit
        negative |= minus
        before |= ~blank
    for position in range(point + 1, width):
        mantissa = mantissa * ten + digits[position]
    values = mantissa / 10.0 ** (width - 1 - point)  # both exact, so the quotient is rounded as `float` rounds it
    return np.where(negative, -values, values)


def _any_notation(cells: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The same for numbers of any width and notation."""
    count, width = cells.shape
    if width > _WIDEST:
        return _one_by_one(cells, np.zeros(count), np.full(count, BAD, dtype=np.uint8))
    mantissa = np.zeros(count, dtype=np.int64)
    digits = np.zeros(count, dtype=np.int8)
    decimals = np.zeros(count, dtype=np.int8)
    started, ended, dotted, negative, odd = np.zeros((5, count), dtype=bool)
    for column in np.ascontiguousarray(cells.T):
        digit = column - np.uint8(48)
        is_digit = digit < 10
        blank = (column == 32) | (column == 0)
        dot = column == 46
        minus = column == 45
        mantissa = np.where(is_digit, mantissa * 10 + digit, mantissa)
        digits += is_digit
        decimals += is_digit & dotted
        odd |= ~(is_digit | blank | dot | minus) | (ended & ~blank) | (dot & dotted) | (minus & started)
        ended |= blank & started
        started |= ~blank
        dotted |= dot
        negative |= minus
    values = mantissa / 10.0 ** np.arange(_WIDEST + 1)[decimals]
    values = np.where(negative, -values, values)
    plain = ~odd & (digits > 0) & (digits <= _EXACT_DIGITS)
    states = np.where(plain, OK, np.where(started, BAD, NULL)).astype(np.uint8)
    values[~plain] = 0.0
    return (values, states) if plain.all() else _one_by_one(cells, values, states)


def _one_by_one(
    cells: NDArray[np.uint8], values: NDArray[np.float64], states: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """The rows that the fast way left as BAD, once for each distinct text."""
    rows = np.flatnonzero(states == BAD)
    texts = np.ascontiguousarray(cells[rows]).view(f"S{cells.shape[1]}")[:, 0]
    distinct, inverse = np.unique(texts, return_inverse=True)
    read = [read_number(text.decode("latin-1")) for text in distinct.tolist()]
    values[rows] = np.array([value for value, _ in read], dtype=np.float64)[inverse]
    states[rows] = np.array([state for _, state in read], dtype=np.uint8)[inverse]
    return values, states


@lru_cache(maxsize=1024)
def _read_once(text: str) -> tuple[float, int]:
    return read_number(text)


def read_number(text: str) -> tuple[float, int]:
    """Value and state of one text."""
    text = text.strip(" \0")
    if text in ("", "?", "."):
        return 0.0, NULL
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    number, bracket, uncertainty = text.partition("(")
    if bracket and not (uncertainty[-1:] == ")" and uncertainty[:-1].isdigit()):
        return 0.0, BAD
    if not number.isascii() or "_" in number or number != number.strip():
        return 0.0, BAD
    try:
        value = float(number)
    except ValueError:
        return 0.0, BAD
    return (value, OK) if np.isfinite(value) else (0.0, BAD)
