"""Records that may be of another run than others of their folder: they are shown, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from protein_enn.version import __version__


def mark_stale(records: Sequence[dict], paths: Mapping[int, Path], tables: Mapping[Path, list[dict]]) -> list[dict]:
    """The records, those that may be stale with the reason in `stale`.

    `paths`: the file of each record by its `id()`; `tables`: rows of the tables of refinements by their file.
    """
    listed: dict[Path, set[object]] = {}
    for table, rows in tables.items():
        listed.setdefault(table.parent, set()).update(row.get("name") for row in rows)
    marked = []
    for record in records:
        path = paths.get(id(record))
        reasons = _reasons(record, path, None if path is None else listed.get(path.parent))
        marked.append({**record, "stale": "; ".join(reasons)} if reasons else record)
    return marked


def _reasons(record: dict, path: Path | None, listed: set[object] | None) -> list[str]:
    reasons = []
    version = record.get("version")
    if version and version != __version__ and not record.get("error"):
        reasons.append(f"made by version {version}, this page by {__version__}")
    if path is not None and listed is not None and record.get("name") not in listed:
        reasons.append("not in the table of its folder's last run")
    output = record.get("output")
    if path is not None and isinstance(output, str) and output and not _exists(path.parent, output):
        reasons.append(f"its structure {output} is not there any more")
    return reasons


def _exists(folder: Path, output: str) -> bool:
    """Whether the file that a record names exists, relative to its own folder or as it was given."""
    try:
        return (folder / output).exists() or (folder / Path(output).name).exists() or Path(output).exists()
    except (OSError, ValueError):  # a name that no file system takes, such as one with NUL
        return False
