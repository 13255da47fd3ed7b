"""Snakemake rule rank: what was refined and scored, best first, with what the other tables hold of it."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from protein_enn import chemistry
from protein_enn.cli.output import write_rows
from protein_enn.report.files import read_table
from protein_enn.report.ranking import columns_of, rank_designs
from protein_enn.report.records import scored
from protein_enn.scoring.composition import COMPOSITION

Row = dict[str, Any]

REFINED = ("confidence_after", "clashes_after", "outliers_after")
"""Columns taken from the table of refinement."""
DESIGNED = ("temperature", *COMPOSITION)
"""Columns taken from the table of designs."""
STAGES = ("design", "pack", "refine", "score")
"""Stages that a structure of the ranking goes through."""
FIRST = ("rank", "name", "target", "target_rank", "log_likelihood", "standard_error", "difference_to_next",
         "difference_error", "separated",
         "perplexity", "recovery", "same_sequence_as", *REFINED, *DESIGNED, "sequence")  # fmt: skip


def ranking(
    records: Iterable[Row], refined: Iterable[Row], designs: Iterable[Row], failed: Iterable[Mapping[str, str]]
) -> list[Row]:
    """Records of scores as rows, best first; then a row for each file that failed, with the first stage that did."""
    refinement_of = {row["name"]: row for row in refined}
    design_of = {f"{row['name']}_sample{row['sample']}": row for row in designs if not row["error"]}
    rows = []
    for record in filter(scored, records):
        design = design_of.get(re.sub(r"_packing\d+\Z", "", record["name"]), {})
        row = {key: value for key, value in record.items() if not isinstance(value, dict | list) and key != "seconds"}
        row |= {key: refinement_of.get(record["name"], {}).get(key) for key in REFINED}
        row |= {"target": design.get("name"), **{key: design.get(key) for key in DESIGNED}}
        rows.append({**row, "sequence": sequence_of(record["per_residue"])})
    return rank_designs(rows) + _failures(failed)


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
    rows = ranking(
        json.loads(Path(parts.records).read_text(encoding="utf-8")),
        read_table(Path(parts.refined)),
        read_table(Path(parts.designs)) if parts.designs else [],
        read_table(Path(parts.failed)),
    )
    names = [name for name in columns_of(rows) if name not in FIRST]
    run = json.loads(Path(parts.columns).read_text(encoding="utf-8"))["run"]
    write_rows(Path(made.table), rows, [*FIRST, *names], {**run, "command": "rank"})
    Path(snakemake.log[0]).write_text(f"{sum(map(scored, rows))} ranked, {len(rows)} rows\n", encoding="utf-8")
