"""The atom table: what the file formats have in common, one numpy column per property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import CoordinateError, FormatError
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import NULL, OK
from protein_enn.structure.audit import Finding

FARTHEST = 9999.0
"""Å; a larger coordinate counts as an error, and does not fit the PDB columns."""
LONGEST_NAME = 64
"""Most characters of an id or name."""

Numbers = tuple[NDArray[np.float64], NDArray[np.uint8]]
"""Values and states of a column, as `numbers.parse_numbers` gives them."""
Placed = tuple[NDArray[np.float64], NDArray[np.bool_]]


Table = TypeVar("Table", bound="Columns")


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of m atoms, as read or as written."""

    hetero: NDArray[np.bool_]  # HETATM
    names: Labels  # "CA"
    elements: Labels  # "C", "ZN", upper case; "" when not in the file
    residue_names: Labels
    chains: Labels  # author chain id
    label_chains: Labels
    numbers: NDArray[np.int64]  # author residue number
    insertion_codes: Labels
    label_numbers: NDArray[np.int64]
    positions: NDArray[np.float64]  # (m, 3) Å
    occupancies: NDArray[np.float64]
    b_factors: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self: Table, index: NDArray[np.bool_] | NDArray[np.int64]) -> Table:
        """The chosen atoms."""
        if index.dtype == bool:
            index = np.flatnonzero(index)
        taken: dict[str, Any] = {}
        for name in (f.name for f in fields(self)):
            column = getattr(self, name)
            if isinstance(column, Labels):
                taken[name] = column.take(index)
            elif isinstance(column, np.ndarray):
                taken[name] = column[index]
        return replace(self, **taken)

    def residue_id(self, i: int) -> str:
        """Author chain, number and insertion code of atom i's residue, "A:52B"."""
        return f"{self.chains[i]}:{int(self.numbers[i])}{self.insertion_codes[i]}"

    def residue_ids(self, index: NDArray[np.int64]) -> list[str]:
        """The residue ids of several atoms."""
        chains, codes = self.chains.take(index).tolist(), self.insertion_codes.take(index).tolist()
        return [f"{a}:{n}{c}" for a, n, c in zip(chains, self.numbers[index].tolist(), codes, strict=True)]


@dataclass(frozen=True, eq=False)
class AtomTable(Columns):
    """m atoms of one model as read, in file order, all conformers and hydrogens included."""

    rows: NDArray[np.int64]  # PDB: line; mmCIF, BinaryCIF: row of atom_site; from 0
    alternates: Labels  # conformer label, "" when there is one only
    has_position: NDArray[np.bool_]  # whether the file gives a position
    in_polymer: NDArray[np.int8]  # whether the file declares its residue as part of a polymer: 1, 0; -1: unknown
    without_b_factor: int = 0  # atoms whose B factor is not given: 0
    place: str = "line"  # what `rows` counts, for messages
    findings: tuple[Finding, ...] = ()  # about these atoms, by their reader

    def where(self, i: int) -> str:
        """The place of atom i in the file, counted from 1: "line 12"."""
        return f"{self.place} {int(self.rows[i]) + 1}"


def coordinates(
    axes: Sequence[Numbers], rows: NDArray[np.int64], text_of: Callable[[int, int], str], *, file: str, place: str,
    lenient: bool,
) -> Placed:  # fmt: skip
    """Positions of atoms, (m, 3) Å, and which rows have one.

    Parameters
    ----------
    axes
        The columns x, y and z.
    rows
        Their rows in the file.
    text_of
        The text in the file, by row and axis.
    file
        Name for messages.
    place
        What rows count, for messages.
    lenient
        Whether atoms may lack a position.

    Raises
    ------
    CoordinateError
        An atom has no valid position, unless `lenient`.
    """
    positions = np.stack([values for values, _ in axes], axis=1)
    states = np.stack([states for _, states in axes], axis=1)
    missing = (states != OK).any(axis=1)
    if missing.any() and not lenient:
        i = int(np.argmax(missing))
        a = int(np.argmax(states[i] != OK))
        what = "is not given" if states[i, a] == NULL else f"is {text_of(i, a).strip()!r}, not a finite number"
        raise CoordinateError(
            f"{file}, {place} {int(rows[i]) + 1}: {'xyz'[a]} {what} (values in the wrong columns?);"
            " correct or remove this atom, or read leniently to leave such atoms out"
        )
    return positions, ~missing


def optional(numbers: Numbers, null: float) -> tuple[NDArray[np.float64], int]:
    """Values with `null` where there is no valid number, and the count of those."""
    values, states = numbers
    absent = states != OK
    return (np.where(absent, null, values), int(absent.sum())) if absent.any() else (values, 0)


def check_atoms(table: AtomTable, file: str) -> None:
    """Refuse invalid atoms: names that are not printable, numbers out of range, negative occupancies."""
    if not len(table):
        return
    for what in ("names", "residue_names", "chains", "label_chains", "alternates", "insertion_codes"):
        _check_text(table, what, file)
    if (digits := table.insertion_codes.map(str.isdecimal, bool)).any():
        i = int(np.argmax(digits))  # "A:2575" could be residue 257 with code 5
        code = table.insertion_codes[i]
        raise FormatError(f"{file}, {table.where(i)}: insertion code {code!r} is a digit; number this residue anew")
    for what, values, most in (("occupancy", table.occupancies, 1e3), ("B factor", table.b_factors, 1e6)):
        if (large := np.abs(values) > most).any():
            i = int(np.argmax(large))
            raise FormatError(f"{file}, {table.where(i)}: {what} {values[i]:g} is beyond {most:g}; correct this atom")
    if table.positions.max() > FARTHEST or table.positions.min() < -FARTHEST:
        far = np.abs(table.positions).max(axis=1) > FARTHEST
        i = int(np.argmax(far))
        raise CoordinateError(
            f"{file}, {table.where(i)}: coordinate {np.abs(table.positions[i]).max():.1f} Å lies beyond {FARTHEST:g} Å;"
            " move the structure to the origin or correct this atom"
        )
    if (table.occupancies < 0).any():
        i = int(np.argmax(table.occupancies < 0))
        raise FormatError(
            f"{file}, {table.where(i)}: occupancy {table.occupancies[i]:g} is negative; set it between 0 and 1"
        )


def check_origin(table: AtomTable, file: str) -> None:
    """Refuse several atoms at 0, 0, 0."""
    x, y, z = table.positions.T != 0
    zero = ~(x | y | z)
    if zero.sum() > 1:
        i = int(np.flatnonzero(zero)[1])
        raise CoordinateError(
            f"{file}, {table.where(i)}: {int(zero.sum())} atoms lie exactly at 0, 0, 0, as missing coordinates are"
            " often written; give their coordinates or remove them"
        )


def _check_text(table: AtomTable, what: str, file: str) -> None:
    labels: Labels = getattr(table, what)
    bad = {value for value in labels.values if not value.isprintable() or len(value) > LONGEST_NAME}
    if bad and (rows := labels.are(*bad)).any():
        i = int(np.argmax(rows))
        label = what.replace("_", " ").removesuffix("s")
        raise FormatError(f"{file}, {table.where(i)}: {labels[i][:40]!r} cannot be a {label}; correct this atom")
