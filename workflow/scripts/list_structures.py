"""Snakemake rule list_files: one path (or id) a line, of the files in the configuration and of those fetched."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def list_files(files: Sequence[str], folders: Iterable[str], ids: Sequence[str]) -> list[str]:
    """The files, and those that were fetched into the folders and are of these ids.

    A folder may also hold what an earlier configuration had fetched.
    """
    paths = list(files)
    for folder in folders:
        from protein_enn.io.fetch import TABLE, read_identifiers

        names = {entry.name for entry in read_identifiers(ids)[0]}
        with (Path(folder) / TABLE).open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            paths += [str(Path(folder) / row["file"]) for row in rows if row["id"] in names]
    return paths


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    folders = [file.removesuffix(".finished") for file in snakemake.input.fetched]
    lines = list_files(snakemake.params.lines, folders, snakemake.params.ids)
    Path(snakemake.output[0]).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{len(lines)} lines\n", encoding="utf-8")
