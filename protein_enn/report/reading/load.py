"""From the files and folders that a user names to `Results`: each file by its name, and tables by their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from protein_enn.report.html import number
from protein_enn.report.reading import runs, scans
from protein_enn.report.reading.files import expand, read_json, read_object, read_table, read_text
from protein_enn.report.reading.records import check_refinement, check_score
from protein_enn.report.reading.results import Results
from protein_enn.report.reading.runs import Failure
from protein_enn.report.reading.stale import mark_stale

OTHER_SCORES = frozenset({"chain", "interface_score", "models", "sample"})
"""Columns of tables whose log-likelihoods are not one structure's: of chains, interfaces, ensembles, designs."""
KNOWN = (
    "records of refine (*.refinement.json, refine.csv) and score (*.scores.json, tables), tables of audit and scan, "
    "metrics of evaluate (*metrics*.json, *.calibration.json), metrics.csv of train, *failed*.tsv, provenance.json, "
    "Snakemake benchmarks"
)
"""What a page can be made of, in the words of an error."""

Tables = dict[Path, list[dict]]


@dataclass(frozen=True)
class Gathered:
    """What the files read so far held."""

    results: Results = field(default_factory=Results)
    tables: Tables = field(default_factory=dict)  # of refinements
    places: dict[int, Path] = field(default_factory=dict)  # of refinement records, by id()


def load_results(folder_or_files: str | Path | Sequence[str | Path]) -> Results:
    """What is found in a folder (with its subfolders) or in the files given; docs/report.md lists their names.

    In a folder other files are passed over; a file that is named must be one of these. Where a table and a record hold
    the same score, the record is kept, for it has the residues too.

    Raises ValueError, naming the file, for one that cannot be read or does not hold what its name says.
    """
    named = [folder_or_files] if isinstance(folder_or_files, str | Path) else list(folder_or_files)
    into, files = Gathered(), 0
    for path, chosen in expand([Path(item) for item in named]):
        reader = _reader(path)
        understood = reader is not None and reader(path, into)
        if chosen and not understood:
            raise ValueError(f"{path}: {_refusal(path)}")
        files += understood
    marked = mark_stale(into.results.refinements, into.places, into.tables)
    return replace(
        into.results,
        refinements=_with_failures(marked, into.tables),
        scores=_without_duplicates(into.results.scores),
        files=files,
    )


Reader = Callable[[Path, Gathered], bool]
"""Puts what a file holds into the results; False if it holds nothing that a page shows."""


def _reader(path: Path) -> Reader | None:
    """How a file of this name is read."""
    name = path.name
    if name.endswith(".columns.json"):
        return None
    for suffix, reader in _BY_SUFFIX.items():
        if name.endswith(suffix):
            return reader
    if path.suffix == ".json" and "metrics" in name:
        return _metrics
    if path.suffix in (".tsv", ".txt"):
        return _list
    return _table if path.suffix == ".csv" else None


def _refusal(path: Path) -> str:
    if path.name.endswith(".columns.json"):
        return "explains a table's columns; give the table"
    if path.suffix == ".csv":
        return "neither a table of scores of whole structures nor of refinements, audits, mutations or training"
    return f"not a kind of result that a report shows; these are: {KNOWN}"


def _refinement(path: Path, into: Gathered) -> bool:
    record = check_refinement(read_json(path), str(path))
    into.results.refinements.append(record)
    into.places[id(record)] = path
    return True


def _scores(path: Path, into: Gathered) -> bool:
    value = read_json(path)
    records = value if isinstance(value, list) else [value]
    whole = [r for r in records if not (isinstance(r, dict) and r.get("kind") in ("interface", "ensemble"))]
    into.results.scores.extend(check_score(record, str(path)) for record in whole)
    return True


def _calibration(path: Path, into: Gathered) -> bool:
    value = read_object(path, "a calibration")
    bins = value.get("bins")
    keys = ("residues", "predicted", "true", "tenth", "ninetieth")
    if not isinstance(bins, list) or not all(
        isinstance(b, dict) and all(number(b.get(key)) is not None for key in keys) for b in bins
    ):
        raise ValueError(f"{path}: `bins` must be a list of objects with the numbers {', '.join(keys)}")
    into.results.calibrations[_fresh_name(path, into.results.calibrations)] = value
    return True


def _provenance(path: Path, into: Gathered) -> bool:
    into.results.provenance[_fresh_name(path, into.results.provenance)] = read_object(path, "provenance")
    return True


def _metrics(path: Path, into: Gathered) -> bool:
    into.results.metrics[_fresh_name(path, into.results.metrics)] = read_object(path, "metrics")
    return True


def _list(path: Path, into: Gathered) -> bool:
    """A tab-separated list, by its header: failures or the benchmark of a job."""
    try:
        # Anything may be called .txt; what is not text has no such header.
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline(1000).rstrip("\r\n").split("\t")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    if tuple(header[: len(runs.BENCHMARK)]) == runs.BENCHMARK:
        into.results.benchmarks.extend(runs.benchmarks_from(read_table(path, "\t")[1], path))
    elif {"file", "reason"} <= set(header):
        into.results.failures.extend(runs.failures_from(read_table(path, "\t")[1], path))
    elif "failed" in path.name and path.suffix == ".tsv":
        raise ValueError(f"{path}: a table of failures has the columns file and reason (and may have stage)")
    else:
        return False
    return True


def _table(path: Path, into: Gathered) -> bool:
    """A CSV table, by its columns."""
    header = set(read_text(path).split("\n", 1)[0].rstrip("\r").split(","))
    if {"epoch", "step"} <= header and any(name.startswith(("train/", "val/")) for name in header):
        # Lightning's own log is the same table once more.
        run = None if "logs" in path.parts else runs.run_from(read_table(path)[1], runs.run_name(path))
        into.results.training.extend([run] if run else [])
        return True
    if "log_likelihood" in header and not header & OTHER_SCORES:
        into.results.scores.extend(read_table(path)[1])
    elif {"moved", "kept", "reverted"} <= header:
        into.tables[path] = read_table(path)[1]
    elif {"notes", "note_count", "audit_severity"} <= header:
        into.results.audits.extend(read_table(path)[1])
    elif scans.is_scan(header):
        rows = read_table(path)[1]
        into.results.scans.extend(scans.scans_from(rows, str(path)))
        into.results.failures.extend(_errors(rows, "scan"))
    elif {"mutations", "score", "additive"} <= header:
        rows = read_table(path)[1]
        into.results.mutants.extend(row for row in rows if not row.get("error"))
        into.results.failures.extend(_errors(rows, "scan"))
    else:
        return False
    return True


_BY_SUFFIX: dict[str, Reader] = {
    ".refinement.json": _refinement,
    "scores.json": _scores,
    ".calibration.json": _calibration,
    "provenance.json": _provenance,
}


def _errors(rows: Sequence[dict], stage: str) -> list[Failure]:
    return [Failure(str(row.get("file") or ""), stage, str(row["error"])) for row in rows if row.get("error")]


def _with_failures(refinements: list[dict], tables: Tables) -> list[dict]:
    """The records, and the failures of tables that left none."""
    known = {record.get("name") for record in refinements}
    failed = [row for rows in tables.values() for row in rows if row.get("error") and row.get("name") not in known]
    return refinements + [{"kind": "refinement", "input": row.get("file"), **row} for row in failed]


def _fresh_name(path: Path, taken: dict[str, dict]) -> str:
    """The file's stem; with its folder's name where two files have the same stem."""
    if path.stem not in taken:
        return path.stem
    name = f"{path.parent.name}/{path.stem}"
    return name if name not in taken else str(path)


def _without_duplicates(scores: list[dict]) -> list[dict]:
    kept: dict[tuple, dict] = {}
    for record in scores:
        key = tuple(record.get(k) for k in ("name", "file", "mode", "orders", "seed", "weights_sha256", "condition"))
        value = number(record.get("log_likelihood"))
        # Rows that differ in their value are two measurements, both shown.
        key += (None if value is None else round(value, 4), record.get("error"))
        if key not in kept or not kept[key].get("per_residue"):
            kept[key] = record
    return list(kept.values())
