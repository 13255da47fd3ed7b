"""New numbers into the lines of a PDB file; all else stays as it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import WriteError
from protein_enn.io.write.edits import B_FACTOR, OCCUPANCY, Revision

COLUMNS = {"Cartn_x": (30, 38), "Cartn_y": (38, 46), "Cartn_z": (46, 54), OCCUPANCY: (54, 60), B_FACTOR: (60, 66)}
"""Where a number stands in an atom line, from 0."""


def rewrite(data: bytes, file: str, revision: Revision, block: str | None = None) -> bytes:
    """The same lines with other numbers in their columns; WriteError for a number too wide for them.

    ANISOU lines and what stands in columns 67 to 80 are not touched; a line that ends too early is filled up.
    """
    lines = data.split(b"\n")
    for item, (rows, values) in revision.items():
        start, end = COLUMNS[item]
        for row, text in zip(rows.tolist(), fixed(values, item, file), strict=True):
            line = lines[row]
            lines[row] = line.ljust(start)[:start] + text.encode() + line[end:]
    return b"\n".join(lines)


def fixed(values: NDArray[np.float64], item: str, file: str) -> list[str]:
    """Numbers of one PDB column as text of its width; WriteError when one does not fit."""
    start, end = COLUMNS[item]
    width, decimals = end - start, 2 if item in (OCCUPANCY, B_FACTOR) else 3
    rounded = np.round(values, decimals) + 0.0  # no -0.000
    low, high = -(10.0 ** (width - decimals - 2)), 10.0 ** (width - decimals - 1)
    wide = ~((rounded > low) & (rounded < high))
    if wide.any():
        value = float(rounded[int(np.argmax(wide))])
        raise WriteError(
            f"{file}: {item} {value:.{decimals}f} does not fit the {width} columns that the PDB format has for it"
            f" ({low + 10**-decimals:.{decimals}f} to {high - 10**-decimals:.{decimals}f}); write mmCIF or BinaryCIF"
        )
    form = f"%{width}.{decimals}f"
    return [form % value for value in rounded.tolist()]
