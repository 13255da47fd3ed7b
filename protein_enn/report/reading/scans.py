"""Mutation scans: tables with a row for each mutation, or for each residue, turned into one matrix each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protein_enn import chemistry
from protein_enn.report.html import number

AMINO_ACIDS = "".join(chemistry.AMINO_ACIDS)
LONG = frozenset({"chain", "number", "wt", "mutant", "score"})
"""Columns of a table with a row for each mutation."""
MATRIX = frozenset({"chain", "number", "wt", *AMINO_ACIDS})
"""Columns of a table with a row for each residue."""
SOURCE = ("name", "file", "estimator", "calibration", "weights", "weights_sha256", "condition")
"""What must agree for rows to be of one scan."""


@dataclass
class Scan:
    """All single mutations of one structure: nats, higher is better; None where there is no score."""

    source: dict[str, object]
    ids: list[str] = field(default_factory=list)  # "A:52B"
    wild: str = ""  # one letter a residue
    scores: list[list[float | None]] = field(default_factory=list)  # n x 20, in the order of AMINO_ACIDS
    slope: float | None = None  # kcal/mol of -ddG per nat

    @property
    def name(self) -> str:
        return str(self.source["name"] or "")


def is_scan(columns: set[str]) -> bool:
    return columns >= LONG or columns >= MATRIX


def scans_from(rows: Sequence[dict], where: str) -> list[Scan]:
    """One scan for each structure and way of scoring; rows that hold an error are left out.

    ValueError, beginning with `where`, for a residue without chain and number or an amino acid that is none.
    """
    scans: dict[tuple, Scan] = {}
    places: dict[tuple, dict[str, int]] = {}
    for row in rows:
        if row.get("error"):
            continue
        key = tuple(row.get(name) for name in SOURCE)
        scan = scans.setdefault(key, Scan({name: row.get(name) for name in SOURCE}))
        known = places.setdefault(key, {})
        if row.get("number") is None:
            raise ValueError(f"{where}: a row has no residue number")
        wild = str(row.get("wt") or "")
        residue = f"{row.get('chain') or ''}:{row['number']}{row.get('icode') or ''}"
        if len(wild) != 1:
            raise ValueError(f"{where}: {residue} has the amino acid {wild!r} in the column wt, not one letter")
        if residue not in known:
            known[residue] = len(scan.ids)
            scan.ids.append(residue)
            scan.wild += wild
            scan.scores.append([0.0 if letter == wild else None for letter in AMINO_ACIDS])
        _put(scan, known[residue], row, f"{where}: {residue}")
    return list(scans.values())


def _put(scan: Scan, i: int, row: dict, where: str) -> None:
    """The score, or scores, of a row into the scan."""
    if "mutant" not in row:
        scan.scores[i] = [number(row.get(letter)) for letter in AMINO_ACIDS]
        return
    mutant = str(row["mutant"] or "")
    if len(mutant) != 1 or mutant not in AMINO_ACIDS:
        raise ValueError(f"{where}: {mutant!r} in the column mutant is none of {AMINO_ACIDS}")
    score, ddg = number(row.get("score")), number(row.get("ddg_like"))
    scan.scores[i][AMINO_ACIDS.index(mutant)] = score
    if scan.slope is None and score and ddg is not None:
        scan.slope = ddg / score
