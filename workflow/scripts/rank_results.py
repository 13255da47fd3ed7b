"""Snakemake rule rank: what was refined and scored, ranked by the functions of `protein-enn rank`."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from protein_enn import chemistry
from protein_enn.cli.output import write_rows
from protein_enn.io import read_structure
from protein_enn.metrics.backbones import targets
from protein_enn.report.files import read_table
from protein_enn.report.ranking import columns_of, rank_designs
from protein_enn.report.records import scored

Row = dict[str, Any]

REFINED = ("confidence_after", "outliers_after")
"""Columns taken from the table of refinement."""
DESIGNED = ("temperature", "new_glycosylation_motifs")
"""Columns taken from the table of designs."""
STAGES = ("design", "pack", "refine", "score")
"""Stages that a structure of the ranking goes through."""
ALWAYS = ("rank", "name", "file", "log_likelihood")
"""Columns of a table in which nothing was scored."""


def ranking(
    records: Iterable[Row],
    refined: Iterable[Row],
    designs: Iterable[Row],
    failed: Iterable[Mapping[str, str]],
    target_of: Mapping[str, str],
) -> list[Row]:
    """Records of scores as `protein-enn rank` has them; then a row for each file that failed, with its first failure.

    The target of a design is the structure that it was designed for, of others what `target_of` says of their file.
    """
    refinement_of = {row["name"]: row for row in refined}
    design_of = {f"{row['name']}_sample{row['sample']}": row for row in designs if not row["error"]}
    rows = []
    for record in filter(scored, records):
        design = design_of.get(re.sub(r"_packing\d+\Z", "", record["name"]), {})
        row = {key: value for key, value in record.items() if not isinstance(value, dict | list) and key != "seconds"}
        row |= {"noised": record.get("noised"), "target": design.get("name", target_of.get(record["file"]))}
        row |= {"sequence": sequence_of(record["per_residue"]), "reference_sequence": design.get("reference_sequence")}
        row |= {key: refinement_of.get(record["name"], {}).get(key) for key in REFINED}
        rows.append({**row, **{key: design[key] for key in DESIGNED if key in design}})
    return rank_designs(rows) + _failures(failed)


def targets_of(files: Iterable[str]) -> dict[str, str]:
    """The first structure of the same backbone for each file, by name."""
    structures = {file: read_structure(file) for file in dict.fromkeys(files)}
    return {file: structures[first].name for file, first in targets(structures).items()}


def sequence_of(residues: Mapping[str, Sequence[str]]) -> str:
    """The one-letter sequence of a record's residues, chains joined by `/`.

    Examples
    --------
    >>> sequence_of({"id": ["A:1", "A:2", "B:1"], "residue": ["GLY", "TRP", "UNK"]})
    'GW/X'
    """
    chains: dict[str, str] = {}
    for identifier, residue in zip(residues["id"], residues["residue"], strict=True):
        chain = identifier.rsplit(":", 1)[0]
        chains[chain] = chains.get(chain, "") + chemistry.LETTERS[chemistry.RESIDUES.index(residue)]
    return "/".join(chains.values())


def _failures(failed: Iterable[Mapping[str, str]]) -> list[Row]:
    first: dict[str, Row] = {}
    for failure in failed:
        if failure["stage"] in STAGES:
            file, reason = failure["file"], failure["reason"]
            row = {"name": Path(file).name.split(".")[0], "file": file, "stage": failure["stage"], "error": reason}
            first.setdefault(file, row)
    return list(first.values())


if __name__ == "__main__":
    snakemake: Any  # Snakemake puts it here

    parts, made = snakemake.input, snakemake.output
    records = json.loads(Path(parts.records).read_text(encoding="utf-8"))
    designs = read_table(Path(parts.designs)) if parts.designs else []
    rows = ranking(
        records,
        read_table(Path(parts.refined)),
        designs,
        read_table(Path(parts.failed)),
        {} if designs else targets_of(record["file"] for record in records if scored(record)),
    )
    run = json.loads(Path(parts.columns).read_text(encoding="utf-8"))["run"]
    write_rows(Path(made.table), rows, columns_of([dict.fromkeys(ALWAYS), *rows]), {**run, "command": "rank"})
    Path(snakemake.log[0]).write_text(f"{sum(map(scored, rows))} ranked, {len(rows)} rows\n", encoding="utf-8")
