"""New numbers and new atoms into the lines of a PDB file; all else stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from protein_enn import chemistry
from protein_enn.io.errors import WriteError
from protein_enn.io.write.added_atoms import Addition
from protein_enn.io.write.edits import B_FACTOR, OCCUPANCY, Revision

COLUMNS = {"Cartn_x": (30, 38), "Cartn_y": (38, 46), "Cartn_z": (46, 54), OCCUPANCY: (54, 60), B_FACTOR: (60, 66)}
"""Columns of each number in an atom line, from 0."""
_RECORDS = (b"ANISOU", b"SIGATM", b"SIGUIJ")
"""Records that belong to the atom line before them."""
_MOST_SERIAL = 99_999


def rewrite(data: bytes, file: str, revision: Revision, block: str | None = None) -> bytes:
    """The same lines with other numbers in their columns; WriteError for a number too wide for them.

    ANISOU lines and columns 67 to 80 do not change; a line that is too short is filled with blanks.
    """
    lines = data.split(b"\n")
    for item, (rows, values) in revision.items():
        start, end = COLUMNS[item]
        for row, text in zip(rows.tolist(), format_column(values, item, file), strict=True):
            line = lines[row]
            lines[row] = line.ljust(start)[:start] + text.encode() + line[end:]
    return b"\n".join(lines)


def insert(data: bytes, file: str, added: list[Addition], block: str | None = None) -> bytes:
    """The same lines and the new ones. Serial numbers end at 99,999: programs do not rely on larger ones."""
    lines = data.split(b"\n")
    atoms = [line for line in lines if line.startswith((b"ATOM", b"HETATM"))]
    serial = max((int(line[6:11]) for line in atoms if line[6:11].strip().isdigit()), default=0)
    texts = {item: format_column(np.array([a.numbers[item] for a in added]), item, file) for item in COLUMNS}
    new = []
    for k, atom in enumerate(added):
        serial = min(serial + 1, _MOST_SERIAL)
        line = bytearray(lines[atom.template].ljust(80))
        line[6:11] = b"%5d" % serial
        line[12:17] = b" %-3s " % atom.name.encode()  # no conformer label
        for item, (start, end) in COLUMNS.items():
            line[start:end] = texts[item][k].encode()
        line[76:80] = b"%2s  " % chemistry.element(atom.name).encode()
        new.append(bytes(line).rstrip() if len(lines[atom.template]) < 80 else bytes(line))

    def end_of(row: int) -> int:
        while row + 1 < len(lines) and lines[row + 1].startswith(_RECORDS):
            row += 1
        return row

    return b"\n".join(_insert_lines(lines, new, added, end_of))


def format_column(values: NDArray[np.float64], item: str, file: str) -> list[str]:
    """Numbers as texts of the width of their PDB column.

    Parameters
    ----------
    values
        The numbers.
    item
        A key of COLUMNS.
    file
        Name for messages.

    Raises
    ------
    WriteError
        A number does not fit.
    """
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
    template = f"%{width}.{decimals}f"
    return [template % value for value in rounded.tolist()]


def _insert_lines(
    lines: list[bytes], new: list[bytes], added: list[Addition], end_of: Callable[[int], int]
) -> list[bytes]:
    """The lines with each new line behind the one that it follows."""
    follow: dict[int, list[bytes]] = {}
    for line, atom in zip(new, added, strict=True):
        follow.setdefault(end_of(atom.behind), []).append(line)
    return [text for row, line in enumerate(lines) for text in (line, *follow.get(row, ()))]
