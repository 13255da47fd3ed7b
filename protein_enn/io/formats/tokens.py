"""The values of an mmCIF loop as spans of its text, so that 100,000 rows are split at once.

The text is split only where this is certain: in a loop without comments or text fields whose blank-separated pieces are
as many as the values that gemmi found. A piece never contains two values, so equal counts mean equal values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from protein_enn.io.table import text_columns
from protein_enn.io.table.atoms import Numbers
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import BAD, NULL, OK, parse_cells, parse_numbers

WIDEST = 64
"""Most bytes of a number or name in a rectangular array."""
_ENDS = re.compile(rb"\s*(?:\Z|#|_|loop_|data_)", re.IGNORECASE)
_ENDS_LINE = re.compile(rb"\n(?:#|_|loop_|data_)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Tokens:
    """m values of a column: pieces of a text, with the quotes they have there."""

    buffer: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    grid: NDArray[np.uint8] | None = None  # the same as a rectangle, where blanks pad the values

    @staticmethod
    def of(texts: Sequence[str]) -> Tokens:
        """From values as gemmi gives them, quotes included."""
        parts = [text.encode() for text in texts]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        return Tokens(np.frombuffer(b"".join(parts), np.uint8), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, rows: NDArray[np.int64]) -> Tokens:
        """The chosen rows."""
        return Tokens(
            self.buffer, self.starts[rows], self.lengths[rows], None if self.grid is None else self.grid[rows]
        )

    def text(self, i: int) -> str:
        """Value i as written in the file."""
        start = int(self.starts[i])
        text = self.buffer[start : start + int(self.lengths[i])].tobytes().decode("utf-8", "replace")
        return text if self.grid is None else text.strip()

    def labels(self) -> Labels:
        """The values without quotes, "" where they are null."""
        if (coded := Labels.of_cells(self._column())) is not None:
            return coded.renamed(_plain)
        if int(self.lengths.max(initial=0)) > WIDEST:
            raw = Labels.of_strings(self.text(i) for i in range(len(self)))
        else:
            cells = self._cells()
            raw = Labels.of(cells.view(f"S{cells.shape[1]}")[:, 0])
        return raw.renamed(_plain) if self.grid is None else raw.renamed(lambda text: _plain(text.strip()))

    def numbers(self) -> Numbers:
        """Values and states, see `numbers.parse_numbers`."""
        if (read := parse_cells(self._column(), WIDEST)) is not None:
            return read
        if self.grid is not None:
            return self._trim().numbers()
        values, states = parse_numbers(self._cells(right=True))
        wide = self.lengths > WIDEST
        if wide.any():
            states[wide], values[wide] = BAD, 0.0
        return values, states

    def integers(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Whole numbers of at most nine digits and their states."""
        if (read := text_columns.integers(self._column())) is not None:
            values, states, bad = read
            for i in np.flatnonzero(states == BAD).tolist() if bad else ():
                values[i], states[i] = _integer(_plain(self.text(i)))
            return values, states
        labels = self.labels()
        each = [_integer(value) for value in labels.values]
        values = np.array([value for value, _ in each], dtype=np.int64)
        return values[labels.codes], np.array([state for _, state in each], dtype=np.uint8)[labels.codes]

    def _column(self) -> text_columns.Column:
        return text_columns.column(self.buffer, self.starts, self.lengths)

    def _trim(self) -> Tokens:
        """Without the blanks that follow the values."""
        columns = np.ascontiguousarray(self._cells().T)
        trailing = np.zeros(len(self), dtype=np.int64)
        only_blanks = np.ones(len(self), dtype=bool)
        for column in columns[::-1]:
            only_blanks &= column == 32
            trailing += only_blanks
        return Tokens(self.buffer, self.starts, self.lengths - trailing)

    def _cells(self, *, right: bool = False) -> NDArray[np.uint8]:
        """(m, width) characters, padded with NULs on the right, or on the left so that decimals are aligned."""
        if self.grid is not None:
            return np.ascontiguousarray(self.grid)
        width = min(max(int(self.lengths.max(initial=0)), 1), WIDEST)
        lengths = np.minimum(self.lengths, width)
        buffer, starts = self.buffer, self.starts + lengths - width if right else self.starts
        if not len(self) or int(starts.min()) < 0 or int(starts.max()) + width > len(buffer):
            edge = np.zeros(width, dtype=np.uint8)
            buffer, starts = np.concatenate((edge, buffer, edge)), starts + width
        cells = sliding_window_view(buffer, width)[starts]
        if (lengths != width).any():
            columns = np.arange(width)
            cells[columns < width - lengths[:, None] if right else columns >= lengths[:, None]] = 0
        return cells


def cut_loop(data: bytes, tags: Sequence[str], count: int) -> list[Tokens] | None:
    """The columns of a loop; None where this needs a full parser.

    Parameters
    ----------
    data
        The text.
    tags
        The tags of the loop.
    count
        The number of its values.
    """
    last = tags[-1].encode()
    start = data.find(last)
    while start >= 0 and not data[start + len(last) : start + len(last) + 1].isspace():
        start = data.find(last, start + 1)
    if start < 0:
        return None
    start += len(last)
    if data.find(last, start) >= 0:  # again, in a text or in another block
        return None
    if text_columns.library() is not None:
        return _cut_compiled(data, start, len(tags), count)
    return _cut_columns(data, start, len(tags), count // len(tags)) or _cut_anywhere(data, start, len(tags), count)


def _cut_compiled(data: bytes, start: int, width: int, count: int) -> list[Tokens] | None:
    """The columns of rows in any layout, by compiled loops."""
    cut = text_columns.pieces(data, start, count)
    if cut is None or not _ENDS.match(data, cut[2]):
        return None
    starts, lengths = (values.reshape(-1, width) for values in cut[:2])
    text = np.frombuffer(data, np.uint8)
    return [Tokens(text, starts[:, i], lengths[:, i]) for i in range(width)]


def _cut_columns(data: bytes, start: int, width: int, rows: int) -> list[Tokens] | None:
    """The columns of rows of equal length with aligned columns, as most archives write them."""
    first = data.find(b"\n", start) + 1
    length = data.find(b"\n", first) + 1 - first
    end = first + rows * length
    if not first or length <= 0 or end > len(data) or not _ENDS.match(data, end):
        return None
    text = np.frombuffer(data, np.uint8, end - first, first)
    blank = text <= 32
    body, gaps = text.reshape(rows, length), blank.reshape(rows, length)
    if text.max() > 127 or not (body[:, -1] == 10).all() or not data[start:first].isspace():
        return None
    used = np.logical_not(gaps.all(axis=0))
    full = np.logical_not(gaps.any(axis=0))
    edges = np.flatnonzero(np.diff(used, prepend=False))  # the last column is the line break
    starts, ends = edges[0::2].tolist(), edges[1::2].tolist()
    pieces = int(np.count_nonzero(blank[:-1] & ~blank[1:])) + int(not blank[0])
    if len(starts) != width or pieces != rows * width:
        return None
    # As many pieces as cells, and one in each cell at least: one in each.
    for a, b in zip(starts, ends, strict=True):
        if not (full[a] or full[b - 1]) and gaps[:, a:b].all(axis=1).any():
            return None
    if (body[:, 0] == ord(";")).any() or data.find(b"#", first, end) >= 0:
        return None
    lines = length * np.arange(rows)
    return [
        Tokens(text, lines + a, np.broadcast_to(b - a, rows), body[:, a:b]) for a, b in zip(starts, ends, strict=True)
    ]


def _cut_anywhere(data: bytes, start: int, width: int, count: int) -> list[Tokens] | None:
    """The columns of rows in any layout."""
    match = _ENDS_LINE.search(data, start)
    end = len(data) if match is None else match.start()
    if not data[start:end].isascii():
        return None
    text = np.frombuffer(data[start:end] + b"\n", np.uint8)
    blank = text <= 32
    edges = np.flatnonzero(blank[1:] != blank[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    if len(starts) != count or len(ends) != count:
        return None
    first, last = text[starts], text[ends - 1]
    if (first == ord("#")).any() or (first == ord(";")).any():
        return None
    quoted = (first == ord("'")) | (first == ord('"'))
    if (quoted & ((last != first) | (ends - starts < 2))).any():  # a piece of a value that holds blanks
        return None
    starts, lengths = starts.reshape(-1, width), (ends - starts).reshape(-1, width)
    return [Tokens(text, np.ascontiguousarray(starts[:, i]), lengths[:, i]) for i in range(width)]


def _plain(text: str) -> str:
    return "" if text in ("?", ".") else gemmi.cif.as_string(text)


def _integer(text: str) -> tuple[int, int]:
    if not text:
        return 0, NULL
    digits = text[1:] if text[0] in "+-" else text
    return (int(text), OK) if digits.isascii() and digits.isdigit() and len(digits) < 10 else (0, BAD)
