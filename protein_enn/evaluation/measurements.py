"""Tables of measured mutations: ddG, the mutations by name, and the partners of a complex."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protein_enn.evaluation.datasets import DataError, read_table
from protein_enn.scoring.multimutants import Mutant
from protein_enn.structure.substitutions import parse_mutant


@dataclass(frozen=True)
class Measurement:
    """A measured change, kcal/mol, the mutations that made it, and in a complex the chains of the two partners."""

    mutations: Mutant
    ddg: float
    partners: tuple[str, ...] = ()
    row: Mapping[str, str | None] = field(default_factory=dict)  # all columns


def measurements(
    path: Path, positive_stabilizes: bool = False, unreadable: list[str] | None = None, column: str = "ddg"
) -> dict[str, list[Measurement]]:
    """Rows of a mutation table by structure file; either one mutation in columns, or a list in `mutations`.

    Parameters
    ----------
    path
        Of the table.
    positive_stabilizes
        Whether ddG is positive where a mutation stabilizes.
    unreadable
        Gets a line for each row whose value is no finite number or whose mutations do not parse; it is left out.
    column
        With the measurements: `ddg`, or `dtm` for melting points.

    Raises
    ------
    DataError
        The table or a column is missing; without `unreadable` also the first row that cannot be read.
    """
    sign = -1.0 if positive_stabilizes else 1.0
    result: dict[str, list[Measurement]] = defaultdict(list)
    for number, row in enumerate(read_table(path, ("structure", column), delimiter=","), 2):
        try:
            measurement = _measurement(row, sign, column)
        except ValueError as error:
            line = f"{path}, line {number}: {error}"
            if unreadable is None:
                raise DataError(f"{line}; correct or remove this row") from None
            unreadable.append(line)
        else:
            result[row["structure"]].append(measurement)
    return result


def _measurement(row: Mapping[str, str | None], sign: float, column: str) -> Measurement:
    """One row; ValueError with the value that cannot be read."""
    given = (row[column] or "").strip()
    try:
        ddg = float(given)
    except ValueError:
        ddg = math.nan
    if not math.isfinite(ddg):
        raise ValueError(f"{column} is {given!r}, not a finite number")
    try:
        one = "{chain}:{wild_type}{position}{mutant}"
        named = row["mutations"] if "mutations" in row else one.format(**{k: v.strip() for k, v in row.items() if v})
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is blank or missing") from None
    partners = tuple(text.strip() for side in ("receptor", "ligand") if (text := row.get(side)))
    return Measurement(parse_mutant(named or ""), sign * ddg, partners, row)
