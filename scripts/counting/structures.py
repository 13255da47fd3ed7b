"""The structures that tables of geometry are counted over."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from protein_enn.io import StructureError, read_structure
from protein_enn.structure import Structure


def structures(data: Path, resolution: float) -> Iterator[Structure]:
    """X-ray training structures at least this good (Å); `data` holds entries.tsv (file, split, method, resolution)."""
    with (data / "entries.tsv").open() as file:
        for row in csv.DictReader(file, delimiter="\t"):
            try:
                good = row["split"] == "train" and float(row["resolution"]) <= resolution
            except ValueError:
                continue
            if good and "X-RAY" in row["method"]:
                try:
                    yield read_structure(data / row["file"])
                except StructureError as error:
                    print(f"# left out: {error}")
