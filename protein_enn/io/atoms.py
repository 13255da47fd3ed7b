"""The atom table: what PDB, mmCIF and BinaryCIF files have in common, one numpy column a property."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import CoordinateError, FormatError

FARTHEST = 9999.0
"""Å; a coordinate beyond this is taken for a mistake, and PDB columns could not hold it."""

Text = NDArray  # of strings; their widths differ, so no dtype is named


@dataclass(frozen=True, eq=False)
class AtomTable:
    """m atoms of one model, in file order, all conformers and hydrogens included."""

    rows: NDArray[np.int64]  # PDB: line; mmCIF, BinaryCIF: row of atom_site; from 0
    hetero: NDArray[np.bool_]  # HETATM
    names: Text  # "CA"
    elements: Text  # "C", "ZN"; "" when the file does not say
    alternates: Text  # conformer label, "" when there is one only
    residue_names: Text
    chains: Text  # author chain id
    label_chains: Text
    numbers: NDArray[np.int64]  # author residue number
    insertion_codes: Text
    label_numbers: NDArray[np.int64]
    positions: NDArray[np.float64]  # (m, 3) Å
    occupancies: NDArray[np.float64]
    b_factors: NDArray[np.float64]
    place: str = "line"  # what `rows` counts, for messages
    notes: tuple[str, ...] = ()  # what the reader has to tell

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> AtomTable:
        """The chosen atoms."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("place", "notes")}
        return replace(self, **{name: array[index] for name, array in arrays.items()})

    def where(self, i: int) -> str:
        """Atom i's place in the file as a reader counts it, from 1: "line 12"."""
        return f"{self.place} {int(self.rows[i]) + 1}"


def parse_floats(
    texts: NDArray, rows: NDArray[np.int64], what: str, *, file: str, place: str, null: float | None = None
) -> tuple[NDArray[np.float64], int]:
    """Numbers of a text column, and how many took the value `null` because they were blank or no number.

    A standard uncertainty, `1.234(5)`, is cut off. Without `null`, what is not a finite number is a CoordinateError.
    """
    try:
        values = texts.astype(np.float64)
    except ValueError:
        values = np.array([_as_float(str(t)) for t in _as_text(texts)], dtype=np.float64)
    bad = ~np.isfinite(values)
    if not bad.any():
        return values, 0
    if null is None:
        i = int(np.argmax(bad))
        text = str(_as_text(texts)[i]).strip()
        shown = f"is {text!r}" if text else "is blank"
        raise CoordinateError(
            f"{file}, {place} {int(rows[i]) + 1}: {what} {shown}, not a finite number"
            " (values in the wrong columns?); mend or remove this atom"
        )
    return np.where(bad, null, values), int(bad.sum())


def _as_text(texts: NDArray) -> NDArray:
    return np.char.decode(texts, "latin-1") if texts.dtype.kind == "S" else texts


def _as_float(text: str) -> float:
    try:
        return float(text.split("(", 1)[0])
    except ValueError:
        return float("nan")


def check_atoms(table: AtomTable, file: str) -> None:
    """Refuse what no structure can hold: far-out coordinates, negative occupancies, several atoms at the origin."""
    far = np.abs(table.positions).max(axis=1) > FARTHEST
    if far.any():
        i = int(np.argmax(far))
        raise CoordinateError(
            f"{file}, {table.where(i)}: coordinate {np.abs(table.positions[i]).max():.1f} Å lies beyond {FARTHEST:g} Å;"
            " move the structure to the origin or mend this atom"
        )
    if (table.occupancies < 0).any():
        i = int(np.argmax(table.occupancies < 0))
        raise FormatError(
            f"{file}, {table.where(i)}: occupancy {table.occupancies[i]:g} is negative; set it between 0 and 1"
        )
    zero = ~table.positions.any(axis=1)
    if zero.sum() > 1:
        i = int(np.flatnonzero(zero)[1])
        raise CoordinateError(
            f"{file}, {table.where(i)}: {int(zero.sum())} atoms lie exactly at 0, 0, 0, as missing coordinates are"
            " often written; give their coordinates or remove them"
        )
