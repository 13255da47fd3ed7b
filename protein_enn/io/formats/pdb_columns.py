"""The fixed columns of the atom lines of a PDB file, as text and as numbers."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from protein_enn.io.table import text_columns
from protein_enn.io.table.atoms import Numbers
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import parse_cells, parse_numbers

WIDTH = 80


class FixedColumns:
    """m lines of 80 characters, blank beyond the end of a line. Columns are counted from 0."""

    def __init__(self, grid: NDArray[np.uint8]) -> None:
        self.grid = grid
        self._cells = text_columns.FixedWidth(grid)

    def texts(self, start: int, end: int, *, stripped: bool = True) -> Labels:
        """Columns start to end as text, without the blanks at either side where `stripped`."""
        labels = Labels.of_cells(self._cells.column(start, end), stripped=stripped)
        if labels is None:
            cells = np.ascontiguousarray(self.grid[:, start:end])
            labels = Labels.of(cells.view(f"S{end - start}")[:, 0])
        return labels.renamed(str.strip) if stripped else labels

    def numbers(self, start: int, end: int) -> Numbers:
        """Columns start to end as numbers, and their states, see `numbers.parse_numbers`."""
        read = parse_cells(self._cells.column(start, end), end - start)
        return parse_numbers(self.grid[:, start:end]) if read is None else read

    def whole_numbers(self, start: int, end: int) -> NDArray[np.int64] | None:
        """Columns start to end as decimal numbers; None where one is not, or without compiled loops."""
        read = text_columns.integers(self._cells.column(start, end))
        return None if read is None or read[1].any() else read[0]

    def text(self, i: int, start: int, end: int) -> str:
        """Columns start to end of one line."""
        return self.grid[i, start:end].tobytes().decode("latin-1")


def cut_lines(data: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> FixedColumns:
    """The columns of lines of these starts and lengths."""
    buffer = np.frombuffer(data, np.uint8)
    if len(starts) and int(starts.max()) + WIDTH > len(buffer):
        buffer = np.concatenate((buffer, np.full(WIDTH, 32, dtype=np.uint8)))
    grid = sliding_window_view(buffer, WIDTH)[starts]
    if int(lengths.min(initial=WIDTH)) < WIDTH:
        grid[np.arange(WIDTH) >= lengths[:, None]] = 32
    return FixedColumns(grid)
