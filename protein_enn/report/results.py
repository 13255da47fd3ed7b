"""Results of earlier commands, read back from their files and checked before they are shown."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

from protein_enn.report.html import number
from protein_enn.report.portrait import view_from

INTEGERS = frozenset({"residues", "scored", "orders", "seed", "steps", "moved", "kept", "reverted"})
TEXTS = frozenset(
    {"name", "file", "output", "mode", "weights", "weights_sha256", "audit_severity", "audit_findings", "error"}
)
GUARDED = re.compile(r"\A'(?=[=+\-@].)")
"""The apostrophe by which a table keeps a spreadsheet from taking a text for a formula."""
REFINEMENT_COLUMNS = (
    "id", "residue", "status", "reason", "displacement", "confidence_before", "confidence_after",
    "phi_before", "psi_before", "phi_after", "psi_after",
)  # fmt: skip
MORE_REFINEMENT_COLUMNS = ("error_before", "error_after", "outliers_before", "outliers_after")
"""What records of earlier versions do not have."""
OTHER_SCORES = frozenset({"chain", "interface_score", "models", "sample"})
"""Columns of tables whose log-likelihoods are not one structure's: of chains, interfaces, ensembles, designs."""
SCORE_COLUMNS = ("id", "residue", "log_likelihood", "entropy", "best")


def load_results(
    folder_or_files: str | Path | Sequence[str | Path],
) -> tuple[list[dict], list[dict], dict[str, dict]]:
    """Refinement records, score records and metrics found in a folder (with its subfolders) or in the files given.

    Read are `*.refinement.json`, `refine.csv` (its failures that left no record), `*.scores.json`, other `*.csv` files
    with scores of whole structures, and `*metrics*.json`, whose names (without the suffix) name the metrics. In a
    folder other files are passed over; a file that is named must be one of these. Where a table and a record hold the
    same score, the record is kept, for it has the residues too.

    Raises ValueError, naming the file, for one that cannot be read or does not hold what its name says.
    """
    named = [folder_or_files] if isinstance(folder_or_files, str | Path) else list(folder_or_files)
    refinements: list[dict] = []
    scores: list[dict] = []
    failures: list[dict] = []
    metrics: dict[str, dict] = {}
    for path, chosen in _expand([Path(item) for item in named]):
        if path.name.endswith(".refinement.json"):
            refinements.append(check_refinement(_json(path), str(path)))
        elif path.name.endswith("scores.json"):
            scores += _score_records(path)
        elif path.name.endswith(".columns.json"):
            if chosen:
                raise ValueError(f"{path}: explains a table's columns; give the table")
        elif path.suffix == ".json" and "metrics" in path.name:
            value = _json(path)
            if not isinstance(value, dict):
                raise ValueError(f"{path}: metrics must be a JSON object, not {type(value).__name__}")
            metrics[_fresh_name(path, metrics)] = value
        elif path.suffix == ".csv":
            columns, rows = _table(path)
            if "log_likelihood" in columns and not columns & OTHER_SCORES:
                scores += rows
            elif {"moved", "kept", "reverted"} <= columns:
                failures += [row for row in rows if row.get("error")]
            elif chosen:
                raise ValueError(f"{path}: neither a table of scores of whole structures nor of refinements")
        elif chosen:
            raise ValueError(f"{path}: not a kind of result that a report shows")
    known = {record.get("name") for record in refinements}
    for row in failures:
        if row.get("name") not in known:
            refinements.append({"kind": "refinement", "input": row.get("file"), **row})
    return refinements, _without_duplicates(scores), metrics


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


def _expand(paths: list[Path]) -> list[tuple[Path, bool]]:
    """Files with whether they were named themselves; folders are walked in sorted order."""
    found: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            for inner in sorted(path.rglob("*")):
                # A leading dot marks a temporary or hidden file.
                if inner.is_file() and not inner.name.startswith("."):
                    found.setdefault(inner, False)
        elif path.is_file():
            found[path] = True
        else:
            raise ValueError(f"{path}: no such file or folder")
    return list(found.items())


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error


def _json(path: Path) -> object:
    try:
        return json.loads(_read(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON: {error}") from error


def _score_records(path: Path) -> list[dict]:
    value = _json(path)
    records = value if isinstance(value, list) else [value]
    whole = [r for r in records if not (isinstance(r, dict) and r.get("kind") in ("interface", "ensemble"))]
    return [check_score(record, str(path)) for record in whole]


def _table(path: Path) -> tuple[set[str], list[dict]]:
    """Column names and rows of a CSV file; numbers as numbers, empty fields as None."""
    try:
        reader = csv.DictReader(io.StringIO(_read(path), newline=""), strict=True)
        columns = {name for name in reader.fieldnames or () if name}
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"{path}: line {reader.line_num} does not have as many fields as the header")
            rows.append({key: _value(key, text) for key, text in row.items()})
    except csv.Error as error:
        raise ValueError(f"{path}: not a valid CSV table: {error}") from error
    return columns, rows


def _value(column: str, text: str) -> object:
    if text == "":
        return None
    if column in TEXTS:
        return GUARDED.sub("", text)
    try:
        return int(text) if column in INTEGERS else float(text)
    except ValueError:
        return text


def _fresh_name(path: Path, taken: dict[str, dict]) -> str:
    """The file's stem; with its folder's name where two files have the same stem."""
    if path.stem not in taken:
        return path.stem
    name = f"{path.parent.name}/{path.stem}"
    return name if name not in taken else str(path)


def _without_duplicates(scores: list[dict]) -> list[dict]:
    kept: dict[tuple, dict] = {}
    for record in scores:
        key = tuple(record.get(k) for k in ("name", "file", "mode", "orders", "seed", "weights_sha256"))
        value = number(record.get("log_likelihood"))
        # Rows that differ in their value are two measurements, both shown.
        key += (None if value is None else round(value, 4), record.get("error"))
        if key not in kept or not kept[key].get("per_residue"):
            kept[key] = record
    return list(kept.values())
