"""Snakemake rule curves: the metrics of a training run by step, without the columns of times."""

import csv
import io
from pathlib import Path
from typing import Any

TIMES = ("minutes", "seconds", "time")


def without_times(text: str) -> str:
    """The table without the columns that differ from run to run."""
    rows = list(csv.DictReader(io.StringIO(text)))
    columns = [name for name in (rows[0] if rows else {}) if name.rpartition("/")[2] not in TIMES]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    made = without_times(Path(snakemake.params.metrics).read_text(encoding="utf-8"))
    Path(snakemake.output[0]).write_text(made, encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{max(made.count(chr(10)) - 1, 0)} rows\n", encoding="utf-8")
