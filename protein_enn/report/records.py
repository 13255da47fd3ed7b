"""Records of refinements and of scores, which several panels look at."""

from __future__ import annotations

from collections.abc import Sequence

from protein_enn.report.contents import Kind
from protein_enn.report.html import number, show

REFINEMENTS: Kind[list[dict]] = Kind("refinements", list)
"""`Refinement.record()` dicts, those of failures too; `stale` says why one may be of another run."""
SCORES: Kind[list[dict]] = Kind("scores", list)
"""Rows or records of `DesignScore`."""


def check_record(record: object, kind: str, columns: Sequence[str], where: str) -> dict:
    """The record, if its per-residue columns (when there are any) are lists of one length.

    ValueError, beginning with `where`, for a record of another kind or form: a page must not fail, or lie, over it.
    """
    if not isinstance(record, dict):
        raise ValueError(f"{where}: a {kind} record must be a JSON object, not {type(record).__name__}")
    if record.get("kind", kind) != kind:
        raise ValueError(f"{where}: holds a record of kind {record['kind']!r}, not {kind!r}")
    rows = record.get("per_residue")
    if rows is None or rows == {}:
        return record
    if not isinstance(rows, dict):
        raise ValueError(f"{where}: per_residue must be an object of lists")
    for column in columns:
        if not isinstance(rows.get(column), list):
            raise ValueError(f"{where}: per_residue has no list {column!r}")
        if len(rows[column]) != len(rows["id"]):
            raise ValueError(
                f"{where}: per_residue.{column} holds {len(rows[column])} values for {len(rows['id'])} residues"
            )
    return record


def count(record: dict, status: str) -> int | None:
    """Residues of a refinement with this status."""
    rows = record.get("per_residue")
    return rows["status"].count(status) if rows else None


def mean(record: dict, column: str) -> float | None:
    """Mean over the residues of a refinement that have a value."""
    values = [v for v in map(number, (record.get("per_residue") or {}).get(column, [])) if v is not None]
    return sum(values) / len(values) if values else None


def field(record: dict, key: str) -> dict:
    """The object of that name in a record, an empty one where there is none."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def scored(row: dict) -> bool:
    """Whether the row holds a score rather than a failure."""
    return not row.get("error") and number(row.get("log_likelihood")) is not None


def grouped(rows: Sequence[dict]) -> dict[tuple[str, str, str, str], list[dict]]:
    """Scored rows by mode, weights, their hash and condition ("" for none), each group best first; ties keep order."""
    groups: dict[tuple[str, str, str, str], list[dict]] = {}
    for row in filter(scored, rows):
        made_by = (show(row.get("mode")), show(row.get("weights")), show(row.get("weights_sha256")))
        key = (*made_by, show(row["condition"]) if row.get("condition") else "")
        groups.setdefault(key, []).append(row)
    return {key: sorted(members, key=_log_likelihood, reverse=True) for key, members in groups.items()}


def _log_likelihood(row: dict) -> float:
    return number(row["log_likelihood"]) or 0.0
