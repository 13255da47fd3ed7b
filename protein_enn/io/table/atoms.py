"""The atom table: what PDB, mmCIF and BinaryCIF files have in common, one numpy column a property."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import CoordinateError, FormatError
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import NULL, OK

FARTHEST = 9999.0
"""Å; a coordinate beyond this is taken for a mistake, and PDB columns could not hold it."""
LONGEST_NAME = 64
"""Characters of an id or name; what is longer is damage."""

Numbers = tuple[NDArray[np.float64], NDArray[np.uint8]]
"""Values and states of a column, as `numbers.parse_numbers` gives them."""
Placed = tuple[NDArray[np.float64], NDArray[np.bool_]]


Table = TypeVar("Table", bound="Columns")


@dataclass(frozen=True, eq=False)
class Columns:
    """What a file says of each of m atoms, read or about to be written."""

    hetero: NDArray[np.bool_]  # HETATM
    names: Labels  # "CA"
    elements: Labels  # "C", "ZN", upper case; "" when the file does not say
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
        """The same of several atoms."""
        chains, codes = self.chains.take(index).tolist(), self.insertion_codes.take(index).tolist()
        return [f"{a}:{n}{c}" for a, n, c in zip(chains, self.numbers[index].tolist(), codes, strict=True)]


@dataclass(frozen=True, eq=False)
class AtomTable(Columns):
    """m atoms of one model as read, in file order, all conformers and hydrogens included."""

    rows: NDArray[np.int64]  # PDB: line; mmCIF, BinaryCIF: row of atom_site; from 0
    alternates: Labels  # conformer label, "" when there is one only
    placed: NDArray[np.bool_]  # whether the file gives a position
    sequenced: NDArray[np.int8]  # whether the file says that its residue is in a polymer: 1, 0; -1: it does not say
    without_b_factor: int = 0  # atoms whose B factor is not given: 0
    place: str = "line"  # what `rows` counts, for messages

    def where(self, i: int) -> str:
        """Atom i's place in the file as a reader counts it, from 1: "line 12"."""
        return f"{self.place} {int(self.rows[i]) + 1}"


def coordinates(
    axes: Sequence[Numbers], rows: NDArray[np.int64], shown: Callable[[int, int], str], *, file: str, place: str,
    lenient: bool,
) -> Placed:  # fmt: skip
    """(m, 3) Å and which rows have them; a CoordinateError for the first that has not, unless `lenient`.

    `shown(i, axis)` is the text that the file has there.
    """
    positions = np.stack([values for values, _ in axes], axis=1)
    states = np.stack([states for _, states in axes], axis=1)
    missing = (states != OK).any(axis=1)
    if missing.any() and not lenient:
        i = int(np.argmax(missing))
        a = int(np.argmax(states[i] != OK))
        what = "is not given" if states[i, a] == NULL else f"is {shown(i, a).strip()!r}, not a finite number"
        raise CoordinateError(
            f"{file}, {place} {int(rows[i]) + 1}: {'xyz'[a]} {what} (values in the wrong columns?);"
            " mend or remove this atom, or read leniently to leave such atoms out"
        )
    return positions, ~missing


def optional(numbers: Numbers, null: float) -> tuple[NDArray[np.float64], int]:
    """Values with `null` where there is none or it is no number, and how many those are."""
    values, states = numbers
    absent = states != OK
    return (np.where(absent, null, values), int(absent.sum())) if absent.any() else (values, 0)


def check_atoms(table: AtomTable, file: str) -> None:
    """Refuse what no structure can hold: names that cannot be printed, numbers far out, negative occupancies."""
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
            raise FormatError(f"{file}, {table.where(i)}: {what} {values[i]:g} is beyond {most:g}; mend this atom")
    if table.positions.max() > FARTHEST or table.positions.min() < -FARTHEST:
        far = np.abs(table.positions).max(axis=1) > FARTHEST
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
        word = what.replace("_", " ").removesuffix("s")
        raise FormatError(f"{file}, {table.where(i)}: {labels[i][:40]!r} cannot be a {word}; mend this atom")
