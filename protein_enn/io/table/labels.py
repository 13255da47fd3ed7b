"""A text column as its distinct texts and the code of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.table import text_columns


@dataclass(frozen=True, eq=False)
class Labels:
    """m texts of a column. `values` are distinct but in no order, and not all of them need occur."""

    values: tuple[str, ...]
    codes: NDArray[np.int64]

    @staticmethod
    def of(texts: NDArray) -> Labels:
        """From an array of bytes (UTF-8, or else Latin-1) or of text. Blanks are not stripped."""
        if not len(texts):
            return Labels((), np.zeros(0, dtype=np.int64))
        keys = _integers(texts)
        changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        if 2 * len(changes) < len(keys):  # runs of equal texts, as chains and residue names have
            codes_of_texts = np.concatenate(([0], changes))
            distinct, codes = ranks(keys[codes_of_texts])
            codes = np.repeat(codes, np.diff(codes_of_texts, append=len(keys)))
        else:
            distinct, codes = ranks(keys)
        if distinct.dtype.kind == "u":
            distinct = distinct.view(f"S{distinct.dtype.itemsize}")
        return Labels(tuple(_decode(v) for v in distinct.tolist()), codes)

    @staticmethod
    def of_cells(cells: text_columns.Column, *, stripped: bool = True) -> Labels | None:
        """From the cells of a text, without the blanks at their ends where `stripped`; None without compiled loops."""
        coded = text_columns.codes(cells, stripped=stripped)
        if coded is None:
            return None
        codes, first = coded
        values = map(cells.piece, first.tolist())
        return Labels(tuple(_decode(value.strip(b" \0") if stripped else value) for value in values), codes)

    @staticmethod
    def of_strings(texts: Iterable[str]) -> Labels:
        """From strings of any length."""
        codes_of_texts: dict[str, int] = {}
        codes = [codes_of_texts.setdefault(text, len(codes_of_texts)) for text in texts]
        return Labels(tuple(codes_of_texts), np.array(codes, dtype=np.int64))

    @staticmethod
    def constant(value: str, count: int) -> Labels:
        """The same text `count` times."""
        return Labels((value,), np.zeros(count, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, i: int) -> str:
        return self.values[int(self.codes[i])]

    def take(self, index: NDArray) -> Labels:
        """The chosen rows."""
        return Labels(self.values, self.codes[index])

    def tolist(self) -> list[str]:
        """All texts."""
        return [self.values[c] for c in self.codes.tolist()]

    def map(self, function: Callable[[str], Any], dtype: Any) -> NDArray:
        """`function` of each row, called once for each distinct text."""
        return np.array([function(v) for v in self.values], dtype=dtype)[self.codes]

    def renamed(self, function: Callable[[str], str]) -> Labels:
        """The column with `function` applied to each text; texts that become equal get one code."""
        codes_of_texts: dict[str, int] = {}
        code = [codes_of_texts.setdefault(function(v), len(codes_of_texts)) for v in self.values]
        if len(codes_of_texts) == len(code):
            return Labels(tuple(codes_of_texts), self.codes)
        return Labels(tuple(codes_of_texts), np.array(code, dtype=np.int64)[self.codes])

    def are(self, *values: str) -> NDArray[np.bool_]:
        """Which rows have one of these texts."""
        if not any(value in self.values for value in values):
            return np.zeros(len(self), dtype=bool)
        return self.map(values.__contains__, bool)


def ranks(keys: NDArray) -> tuple[NDArray, NDArray[np.int64]]:
    """The distinct keys in order, and the rank of each key among them: `np.unique` without its slow stable sort."""
    if keys.dtype.kind == "u" and keys.dtype.itemsize <= 2:  # a table of all possible keys is faster
        used = np.zeros(1 << (8 * keys.dtype.itemsize), dtype=bool)
        used[keys] = True
        distinct = np.flatnonzero(used)
        rank_of_key = np.zeros(len(used), dtype=np.int64)
        rank_of_key[distinct] = np.arange(len(distinct))
        return distinct.astype(keys.dtype), rank_of_key[keys]
    distinct = np.unique(keys)
    return distinct, np.searchsorted(distinct, keys)


def distinct(keys: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct keys in any order, and the place of each key among them."""
    rows = np.ascontiguousarray(keys).view(np.uint8).reshape(-1, 8)
    cells = text_columns.FixedWidth(rows).column(0, 8)
    coded = text_columns.codes(cells, stripped=False)
    return ranks(keys) if coded is None else (keys[coded[1]], coded[0])


def combine(*columns: NDArray[np.int64] | Labels) -> NDArray[np.int64]:
    """One number per row, equal where all columns are equal, and at most the number of rows."""
    result = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = column.codes if isinstance(column, Labels) else column
        if not len(codes):
            return result
        low, high = int(codes.min()), int(codes.max())
        if low == high:
            continue
        if high - low > len(codes):
            codes = distinct(codes)[1]
            low, high = 0, int(codes.max())
        key = result * (high - low + 1) + (codes - low)
        result = key if int(key.max()) <= len(key) else distinct(key)[1]
    return result


def _integers(array: NDArray) -> NDArray:
    """Numbers that are equal where the texts are; the texts themselves when they are long."""
    width = array.dtype.itemsize
    if array.dtype.kind != "S" or width > 8:
        return array
    size = 1 << (width - 1).bit_length()
    if width < size:
        padded = np.zeros((len(array), size), dtype=np.uint8)
        padded[:, :width] = np.ascontiguousarray(array).view(np.uint8).reshape(len(array), width)
        return padded.view(f"u{size}")[:, 0]
    return np.ascontiguousarray(array).view(f"u{size}")


def _decode(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
