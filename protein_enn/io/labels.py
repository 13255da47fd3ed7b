"""A text column as numbers: each distinct text once, and which of them every row has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
            places = np.concatenate(([0], changes))
            first, inverse = _distinct(keys[places])
            codes = np.repeat(inverse, np.diff(places, append=len(keys)))
            first = places[first]
        else:
            first, codes = _distinct(keys)
        return Labels(tuple(_decode(v) for v in texts[first].tolist()), codes)

    @staticmethod
    def of_strings(texts: Iterable[str]) -> Labels:
        """From strings of any length."""
        places: dict[str, int] = {}
        codes = [places.setdefault(text, len(places)) for text in texts]
        return Labels(tuple(places), np.array(codes, dtype=np.int64))

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
        return replace(self, codes=self.codes[index])

    def tolist(self) -> list[str]:
        """All texts."""
        return [self.values[c] for c in self.codes.tolist()]

    def map(self, function: Callable[[str], Any], dtype: Any) -> NDArray:
        """`function` of each row, called once for each distinct text."""
        return np.array([function(v) for v in self.values], dtype=dtype)[self.codes]

    def renamed(self, function: Callable[[str], str]) -> Labels:
        """Other texts in place of these; texts that become equal share a code."""
        places: dict[str, int] = {}
        code = [places.setdefault(function(v), len(places)) for v in self.values]
        return Labels(tuple(places), np.array(code, dtype=np.int64)[self.codes])

    def are(self, *values: str) -> NDArray[np.bool_]:
        """Which rows have one of these texts."""
        return self.map(values.__contains__, bool)


def combine(*columns: NDArray[np.int64] | Labels) -> NDArray[np.int64]:
    """One number a row, equal where all the columns are, and smaller than the number of rows."""
    result = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        codes = column.codes if isinstance(column, Labels) else column
        if not len(codes):
            return result
        if int(codes.max()) - int(codes.min()) > len(codes):
            codes = np.unique(codes, return_inverse=True)[1]
        key = result * (int(codes.max()) - int(codes.min()) + 1) + (codes - codes.min())
        result = key if int(key.max()) <= len(key) else np.unique(key, return_inverse=True)[1]
    return result


def _integers(array: NDArray) -> NDArray:
    """Numbers that are equal where the texts are; the texts themselves when they are long."""
    width = array.dtype.itemsize
    if array.dtype.kind == "S" and width <= 16:
        if width in (1, 2, 4, 8):
            return np.ascontiguousarray(array).view(f"u{width}")
        words = -(-width // 8)
        parts = array.astype(f"S{8 * words}").view(np.uint64).reshape(len(array), words)
        if words == 1:
            return parts[:, 0]
        return combine(*(np.unique(part, return_inverse=True)[1] for part in parts.T))
    return array


def _distinct(keys: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A row for each distinct key, and for each row which of them it has."""
    if keys.dtype.itemsize <= 2:  # a table of all keys there can be is quicker than sorting
        last = np.full(1 << (8 * keys.dtype.itemsize), -1, dtype=np.int64)
        last[keys] = np.arange(len(keys))
        used = np.flatnonzero(last >= 0)
        rows = last[used]
        last[used] = np.arange(len(used))
        return rows, last[keys]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first, inverse


def _decode(value: str | bytes) -> str:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
