"""Snakemake rule gather: the tables of the shards as one, in the order of the names, whatever the shards were."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, str]


def is_made_here(file: str) -> bool:
    """Whether a row is about the folder or list of a shard, with nothing in it, and not about a file that was given."""
    return file.startswith("@") or Path(file).is_dir()


def gather_tables(tables: Iterable[str]) -> str:
    """The rows of CSV tables with the same columns, sorted by name and file."""
    columns: Sequence[str] = ()
    rows: list[Row] = []
    for table in tables:
        with Path(table).open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            columns = columns or reader.fieldnames or ()
            rows += [row for row in reader if not is_made_here(row["file"])]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (row["name"], row["file"])))
    return text.getvalue()


def gather_records(files: Iterable[str]) -> str:
    """The records in JSON lists, sorted by name and file."""
    records = [record for file in files for record in json.loads(Path(file).read_text(encoding="utf-8"))]
    kept = [record for record in records if not is_made_here(record["file"])]
    return json.dumps(sorted(kept, key=lambda record: (record["name"], record["file"])), indent=1) + "\n"


def gather_failures(tables: Iterable[tuple[str, str]]) -> str:
    """What could not be done: file, stage and reason, from pairs of a stage and its table, a shard each."""
    stages: dict[str, list[tuple[str, str]]] = {}
    for stage, table in tables:
        for line in Path(table).read_text(encoding="utf-8").splitlines()[1:]:
            file, reason = line.split("\t")[:2]
            stages.setdefault(stage, []).extend([] if is_made_here(file) else [(file, reason)])
    rows = [f"{file}\t{stage}\t{reason}\n" for stage, failed in stages.items() for file, reason in sorted(failed)]
    return "".join(["file\tstage\treason\n", *rows])


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    parts, made = snakemake.input, snakemake.output
    Path(made.audit).write_text(gather_tables(parts.audit), encoding="utf-8")
    Path(made.refined).write_text(gather_tables([f"{folder}/refine.csv" for folder in parts.refined]), encoding="utf-8")
    if parts.designs:
        Path(made.designs).write_text(gather_tables(parts.designs), encoding="utf-8")
    if parts.packed:
        Path(made.packed).write_text(gather_tables([f"{folder}/pack.csv" for folder in parts.packed]), encoding="utf-8")
    Path(made.scores).write_text(gather_tables(parts.scores), encoding="utf-8")
    Path(made.columns).write_text(Path(parts.columns[0]).read_text(encoding="utf-8"), encoding="utf-8")
    Path(made.records).write_text(gather_records(parts.records), encoding="utf-8")
    failed = gather_failures(zip(snakemake.params.stages, parts.failed, strict=True))
    Path(made.failed).write_text(failed, encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{failed.count(chr(10)) - 1} failures\n", encoding="utf-8")
