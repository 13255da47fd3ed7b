"""Snakemake rule provenance: what was run, with which versions and weights, on which bytes."""

import hashlib
import json
import platform
import shlex
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "numpy", "scipy", "gemmi", "biotite", "biopython", "torch-geometric", "pytorch-lightning",
             "safetensors", "snakemake")  # fmt: skip


def sha256(path: str | Path) -> str:
    """The digest of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inputs(lists: Iterable[str]) -> list[tuple[str, str, int]]:
    """File, sha256 and bytes of each structure in the lists, sorted."""
    named = {line for file in lists for line in Path(file).read_text(encoding="utf-8").splitlines()}
    return [(file, sha256(file), Path(file).stat().st_size) for file in sorted(named)]


def installed(library: str) -> str:
    """Its version, or "" where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def record(files: Sequence[str], settings: dict[str, Any], weights: Sequence[str], listed: str) -> dict[str, Any]:
    """The provenance of a run. It names no date, host or user: the same run gives the same record."""
    return {
        "command": shlex.join(["snakemake", *(["--configfile", *files] if files else [])]),
        "versions": {
            "protein-enn": installed("protein-enn"),
            "python": platform.python_version(),
            **{library: installed(library) for library in LIBRARIES},
        },
        "weights": {Path(file).stem: sha256(file) for file in weights},
        "inputs": {"files": listed.count("\n") - 1, "sha256": hashlib.sha256(listed.encode()).hexdigest()},
        "config": settings,
    }


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    parts = snakemake.input
    rows = [("file", "sha256", "bytes"), *inputs(parts.lists)]
    listed = "".join("\t".join(str(cell) for cell in row) + "\n" for row in rows)
    Path(snakemake.output.inputs).write_text(listed, encoding="utf-8")
    made = record(snakemake.params.files, snakemake.params.settings, parts.weights, listed)
    Path(snakemake.output.record).write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    Path(snakemake.log[0]).write_text(f"{len(rows) - 1} inputs\n", encoding="utf-8")
