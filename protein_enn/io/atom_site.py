"""The atom_site category, as mmCIF and BinaryCIF share it, to an atom table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protein_enn.io.atoms import AtomTable, parse_floats
from protein_enn.io.errors import CoordinateError, EmptyStructureError, FormatError

PLACE = "atom_site row"
COORDINATES = ("Cartn_x", "Cartn_y", "Cartn_z")
ITEMS = (
    "group_PDB", "type_symbol", "label_atom_id", "auth_atom_id", "label_alt_id", "label_comp_id", "auth_comp_id",
    "label_asym_id", "auth_asym_id", "label_seq_id", "auth_seq_id", "pdbx_PDB_ins_code", *COORDINATES, "occupancy",
    "B_iso_or_equiv", "pdbx_PDB_model_num",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one item, numbers or text, and which of them are null ("?" or "."); None: none are."""

    values: NDArray
    null: NDArray[np.bool_] | None

    def take(self, index: NDArray[np.int64]) -> Column:
        return Column(self.values[index], None if self.null is None else self.null[index])


def to_table(columns: Mapping[str, Column], file: str, model: int) -> AtomTable:
    """The atoms of the `model`-th model (from 1, by first appearance); author items fall back on label items and back.

    Raises EmptyStructureError, CoordinateError or FormatError.
    """
    if not columns or not len(next(iter(columns.values())).values):
        raise EmptyStructureError(f"{file}: no atoms (an empty or missing atom_site); give a file with coordinates")
    for item in COORDINATES:
        if item not in columns:
            raise CoordinateError(f"{file}: no _atom_site.{item}; give a file with Cartesian coordinates")
    rows, notes = _rows_of_model(columns.get("pdbx_PDB_model_num"), len(columns["Cartn_x"].values), file, model)
    columns = {name: column.take(rows) for name, column in columns.items()}

    def text(*items: str) -> NDArray:
        return _text([columns[item] for item in items if item in columns], len(rows))

    names = text("label_atom_id", "auth_atom_id")
    residue_names = text("label_comp_id", "auth_comp_id")
    if not names[0] or not residue_names[0]:
        raise FormatError(f"{file}: atom_site has no atom or residue names; add label_atom_id and label_comp_id")
    axes = [_coordinate(columns[item], rows, item, file) for item in COORDINATES]
    occupancies, _ = _numbers(columns.get("occupancy"), rows, "occupancy", 1.0, file)
    b_factors, bad = _numbers(columns.get("B_iso_or_equiv"), rows, "B factor", 0.0, file)
    if bad and "B_iso_or_equiv" in columns:
        notes += (f"{bad} B factors are not given: taken as 0",)
    numbers, _ = _numbers(columns.get("auth_seq_id"), rows, "number", np.nan, file)
    label_numbers, _ = _numbers(columns.get("label_seq_id"), rows, "number", np.nan, file)
    return AtomTable(
        rows=rows,
        hetero=text("group_PDB") == "HETATM",
        names=names,
        elements=text("type_symbol"),
        alternates=text("label_alt_id"),
        residue_names=residue_names,
        chains=text("auth_asym_id", "label_asym_id"),
        label_chains=text("label_asym_id", "auth_asym_id"),
        numbers=_integers(numbers, label_numbers),
        insertion_codes=text("pdbx_PDB_ins_code"),
        label_numbers=_integers(label_numbers, numbers),
        positions=np.stack(axes, axis=1),
        occupancies=occupancies,
        b_factors=b_factors,
        place=PLACE,
        notes=notes,
    )


def _rows_of_model(
    column: Column | None, count: int, file: str, model: int
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    every = np.arange(count)
    if column is None:
        models: list = [None]
    else:
        values = column.values
        changes = np.concatenate(([True], values[1:] != values[:-1]))
        models = list(dict.fromkeys(values[changes].tolist()))
    if not 1 <= model <= len(models):
        raise EmptyStructureError(f"{file}: no model {model}; there are {len(models)}")
    notes = (f"model {model} of {len(models)} was read",) if len(models) > 1 else ()
    if column is None or len(models) == 1:
        return every, notes
    return every[column.values == models[model - 1]], notes


def _text(columns: list[Column], count: int) -> NDArray:
    """Text of the first column, nulls filled from the next one, then from "", as a rule of fallback."""
    result: NDArray | None = None
    for column in columns:
        values = column.values if column.values.dtype.kind == "U" else column.values.astype(str)
        if column.null is not None and column.null.any():
            values = np.where(column.null, "", values)
        result = values if result is None else np.where(result == "", values, result)
        if "" not in result:
            break
    return np.full(count, "", dtype="U1") if result is None else result


def _coordinate(column: Column, rows: NDArray[np.int64], item: str, file: str) -> NDArray[np.float64]:
    values = column.values
    if column.null is not None and column.null.any():
        i = int(np.argmax(column.null))
        raise CoordinateError(f"{file}, {PLACE} {int(rows[i]) + 1}: {item} is not given; mend or remove this atom")
    return parse_floats(values, rows, item, file=file, place=PLACE)[0]


def _numbers(
    column: Column | None, rows: NDArray[np.int64], what: str, null: float, file: str
) -> tuple[NDArray[np.float64], int]:
    if column is None:
        return np.full(len(rows), null), len(rows)
    if column.values.dtype.kind == "U":
        return parse_floats(column.values, rows, what, file=file, place=PLACE, null=null)
    values = column.values.astype(np.float64)
    bad = ~np.isfinite(values) if column.null is None else (column.null | ~np.isfinite(values))
    return np.where(bad, null, values), int(bad.sum())


def _integers(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.int64]:
    values = np.where(np.isfinite(first), first, second)
    return np.where(np.isfinite(values), values, 0).astype(np.int64)
