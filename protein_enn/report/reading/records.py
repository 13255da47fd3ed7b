"""Records of refinements and of scores, checked: a page must not fail, or lie, over a file that does not fit."""

from __future__ import annotations

from protein_enn.report.ca_trace import view_from

REFINEMENT_COLUMNS = (
    "id", "residue", "status", "reason", "displacement", "confidence_before", "confidence_after",
    "phi_before", "psi_before", "phi_after", "psi_after",
)  # fmt: skip
MORE_REFINEMENT_COLUMNS = ("error_before", "error_after", "outliers_before", "outliers_after")
"""What records of earlier versions do not have."""
SCORE_COLUMNS = ("id", "residue", "log_likelihood", "entropy", "best")


def check_refinement(record: object, where: str) -> dict:
    """The record, if it is a refinement whose per-residue columns are lists of one length; else ValueError."""
    checked = _check(record, "refinement", REFINEMENT_COLUMNS, where)
    for key in ("geometry_before", "geometry_after", "weights"):
        if checked.get(key) is not None and not isinstance(checked[key], dict | str):
            raise ValueError(f"{where}: {key} must be an object")
    rows = checked.get("per_residue") or {}
    for column in MORE_REFINEMENT_COLUMNS:
        if column in rows and not (isinstance(rows[column], list) and len(rows[column]) == len(rows["id"])):
            raise ValueError(f"{where}: per_residue.{column} must be a list of {len(rows['id'])} values")
    if rows:
        try:
            view_from(checked.get("trace"), len(rows["id"]))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return checked


def check_score(record: object, where: str) -> dict:
    """The record, if it is a score whose per-residue columns (when there are any) are lists of one length."""
    return _check(record, "score", SCORE_COLUMNS, where)


def _check(record: object, kind: str, columns: tuple[str, ...], where: str) -> dict:
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
