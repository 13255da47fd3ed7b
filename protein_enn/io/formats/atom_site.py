"""From the atom_site category of mmCIF and BinaryCIF to an atom table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.errors import CoordinateError, EmptyStructureError, FormatError
from protein_enn.io.formats.document import Document, Header
from protein_enn.io.table.atoms import AtomTable, Numbers, coordinates, optional
from protein_enn.io.table.labels import Labels
from protein_enn.io.table.numbers import BAD, NULL, OK
from protein_enn.structure.audit import Finding

PLACE = "atom_site row"
COORDINATES = ("Cartn_x", "Cartn_y", "Cartn_z")
ITEMS = (
    "group_PDB", "type_symbol", "label_atom_id", "auth_atom_id", "label_alt_id", "label_comp_id", "auth_comp_id",
    "label_asym_id", "auth_asym_id", "label_seq_id", "auth_seq_id", "pdbx_PDB_ins_code", *COORDINATES, "occupancy",
    "B_iso_or_equiv", "pdbx_PDB_model_num",
)  # fmt: skip


@runtime_checkable
class Column(Protocol):
    """Values of one item."""

    def __len__(self) -> int: ...

    def take(self, rows: NDArray[np.int64]) -> Column:
        """The chosen rows."""

    def text(self, i: int) -> str:
        """Value i as it stands in the file."""

    def labels(self) -> Labels:
        """As text, "" where null ("?" or ".")."""

    def numbers(self) -> Numbers:
        """As numbers, and the state of each: OK, NULL or BAD."""

    def integers(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """As whole numbers and their states."""


def to_document(
    columns: Mapping[str, Column], file: str, lenient: bool, header: Callable[[], Header], predicted: bool
) -> Document:
    """The document of these columns, with models in the order of their first rows.

    Parameters
    ----------
    columns
        Columns of atom_site by item.
    file
        Name for messages.
    lenient
        Whether atoms may lack coordinates.
    header
        Gives the header of the file.
    predicted
        Whether the file declares its B factors as pLDDT.

    Raises
    ------
    EmptyStructureError, CoordinateError, FormatError
        There are no atoms, or columns are missing or invalid.
    """
    if not columns or not len(next(iter(columns.values()))):
        raise EmptyStructureError(f"{file}: no atoms (an empty or missing atom_site); give a file with coordinates")
    for item in COORDINATES:
        if item not in columns:
            raise CoordinateError(f"{file}: no _atom_site.{item}; give a file with Cartesian coordinates")
    for what in ("atom_id", "comp_id", "seq_id"):
        items = (f"label_{what}", f"auth_{what}")
        if not any(item in columns for item in items):
            raise FormatError(f"{file}: atom_site has neither {' nor '.join(items)}; add one of them")
    number = columns.get("pdbx_PDB_model_num")
    count = len(columns["Cartn_x"])
    model = np.zeros(count, dtype=np.int64) if number is None else _models(number, file)
    sizes = np.bincount(model)

    def atoms(number: int) -> AtomTable:
        rows = np.flatnonzero(model == number - 1)
        part = columns if len(rows) == count else {name: column.take(rows) for name, column in columns.items()}
        return _table(part, rows, file, lenient)

    return Document(tuple(sizes.tolist()), atoms, header, findings=_warn(columns, model), predicted=predicted)


def _models(column: Column, file: str) -> NDArray[np.int64]:
    """The model of each row, counted from 0 by first appearance; a column of nulls is one model."""
    values, states = column.integers()
    if (states == NULL).all():
        return np.zeros(len(values), dtype=np.int64)
    if (states != OK).any():
        row = int(np.argmax(states != OK))
        raise FormatError(
            f"{file}, {PLACE} {row + 1}: pdbx_PDB_model_num is {column.text(row)!r}, not a whole number; correct it"
        )
    if (values == values[0]).all():
        return np.zeros(len(values), dtype=np.int64)
    _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _warn(columns: Mapping[str, Column], model: NDArray[np.int64]) -> tuple[Finding, ...]:
    findings = []
    if (model[1:] < model[:-1]).any():
        findings.append(Finding("models-interleaved", "warning", "the rows of several models are mixed: sorted apart"))
    if "auth_asym_id" not in columns:
        findings.append(Finding("no-author-ids", "note", "no author chain ids: label ids serve in their place"))
    return tuple(findings)


def _table(columns: Mapping[str, Column], rows: NDArray[np.int64], file: str, lenient: bool) -> AtomTable:
    count = len(rows)

    def text(*items: str) -> Labels:
        labels = (columns[item].labels() for item in items if item in columns)
        return _first_given(labels, count)

    axes = [columns[item].numbers() for item in COORDINATES]
    positions, has_position = coordinates(
        axes, rows, lambda i, axis: columns[COORDINATES[axis]].text(i), file=file, place=PLACE, lenient=lenient
    )
    ignored = ~has_position
    names, residue_names = text("label_atom_id", "auth_atom_id"), text("label_comp_id", "auth_comp_id")
    for what, labels in (("atom", names), ("residue", residue_names)):
        if "" in labels.values and labels.are("").any():
            row = int(rows[int(np.argmax(labels.are("")))]) + 1
            raise FormatError(f"{file}, {PLACE} {row}: no {what} name; correct or remove this atom")
    occupancies, _ = optional(_numbers(columns, "occupancy", rows, ignored, file), 1.0)
    b_factors, absent = optional(_numbers(columns, "B_iso_or_equiv", rows, ignored, file), 0.0)
    author, label = (_whole(columns, item, rows, file) for item in ("auth_seq_id", "label_seq_id"))
    return AtomTable(
        rows=rows,
        hetero=text("group_PDB").are("HETATM"),
        names=names,
        elements=text("type_symbol").renamed(str.upper),
        alternates=text("label_alt_id"),
        residue_names=residue_names,
        chains=text("auth_asym_id", "label_asym_id"),
        label_chains=text("label_asym_id", "auth_asym_id"),
        numbers=_or(author, label),
        insertion_codes=text("pdbx_PDB_ins_code"),
        label_numbers=_or(label, author),
        positions=positions,
        occupancies=occupancies,
        b_factors=b_factors,
        place=PLACE,
        has_position=has_position,
        in_polymer=_polymer_states(label[1]),
        without_b_factor=absent,
    )


def _first_given(columns: Iterator[Labels], count: int) -> Labels:
    """Text of the first column, where that is empty of the next one."""
    result = next(columns, None)
    if result is None:
        return Labels.constant("", count)
    while "" in result.values and (empty := result.are("")).any() and (other := next(columns, None)) is not None:
        codes = np.where(empty, other.codes + len(result.values), result.codes)
        result = Labels(result.values + other.values, codes).renamed(str)
    return result


def _numbers(
    columns: Mapping[str, Column], item: str, rows: NDArray[np.int64], ignored: NDArray[np.bool_], file: str
) -> Numbers:
    if item not in columns:
        return np.zeros(len(rows)), np.full(len(rows), NULL, dtype=np.uint8)
    values, states = columns[item].numbers()
    states[ignored] = NULL
    _refuse_bad(states, item, rows, file)
    return values, states


def _whole(
    columns: Mapping[str, Column], item: str, rows: NDArray[np.int64], file: str
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    if item not in columns:
        return np.zeros(len(rows), dtype=np.int64), np.full(len(rows), NULL, dtype=np.uint8)
    values, states = columns[item].integers()
    _refuse_bad(states, item, rows, file)
    return values, states


def _refuse_bad(states: NDArray[np.uint8], item: str, rows: NDArray[np.int64], file: str) -> None:
    if (states == BAD).any():
        row = int(rows[int(np.argmax(states == BAD))]) + 1
        raise FormatError(f"{file}, {PLACE} {row}: {item} is not a number (values in the wrong columns?); correct it")


def _polymer_states(states: NDArray[np.uint8]) -> NDArray[np.int8]:
    numbered = states == OK
    return numbered.astype(np.int8) if numbered.any() else np.full(len(numbered), -1, dtype=np.int8)


def _or(
    first: tuple[NDArray[np.int64], NDArray[np.uint8]], second: tuple[NDArray[np.int64], NDArray[np.uint8]]
) -> NDArray[np.int64]:
    return np.where(first[1] == OK, first[0], np.where(second[1] == OK, second[0], 0))
