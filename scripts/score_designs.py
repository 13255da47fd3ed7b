"""Rank a folder of designs by the likelihood of their sequences given their backbones.

python scripts/score_designs.py designs/ ranking.csv

Writes the table, what its columns mean (ranking.columns.json), a plot (ranking.svg) and a page that shows all of it
(ranking.html). A file that cannot be scored is listed last with its error, and the exit status is then 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import protein_enn as pe
from protein_enn.cli.batch import SUFFIXES, Item, Row, failure, items, run
from protein_enn.cli.options import (
    Condition,
    Device,
    DeviceOption,
    Reading,
    Seed,
    Threads,
    Weights,
    joined_selection,
    predictor_for,
    residues_option,
    with_option_groups,
)
from protein_enn.cli.output import finish, show_rows, write_rows, writing
from protein_enn.cli.scoring import Mode
from protein_enn.report.ranking import columns_of, identity, rank_designs, write_plot, write_ranking
from protein_enn.scoring.columns import run_of
from protein_enn.scoring.designs import chain_sequences
from protein_enn.structure import Structure

SHOWN = ("rank", "name", "log_likelihood", "standard_error", "separated", "perplexity", "same_sequence_as", "error")


@with_option_groups
def main(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IN... TABLE",
            help="Structure files, folders (searched through), glob patterns, or - for standard input; "
            "last the CSV file to write, the others are in its folder.",
        ),
    ],
    reading: Reading,
    mode: Annotated[Mode, typer.Option(help="What a residue sees of the sequence.")] = Mode.conditional,
    orders: Annotated[int, typer.Option(min=1, help="Decoding orders averaged in conditional mode.")] = 8,
    chosen: Annotated[
        list[str] | None, residues_option("Score only these residues, given the sequence of all others")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Structure to whose sequence each is compared.")
    ] = None,
    details: Annotated[int, typer.Option(min=0, help="Best designs whose residues the page shows.")] = 10,
    weights: Weights = None,
    condition: Condition = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
) -> None:
    """Rank designs: best log-likelihood first, as a CSV file, a plot and a page. Exit status 1 if a file failed."""
    inputs, table = inputs_and_table(paths)
    sidecars = {suffix: table.with_suffix(suffix) for suffix in (".svg", ".html")}
    batch = items(inputs, writes=[table, *sidecars.values()], reads=[reference])
    predictor = predictor_for("design", weights, device, threads, condition=condition, use="score")
    designed = joined_selection(chosen)
    native = None if reference is None else read_reference(reference)
    residues: dict[str, Row] = {}

    def work(item: Item, structure: Structure) -> list[Row]:
        score = pe.score(structure, predictor=predictor, mode=mode.value, orders=orders, designed=designed, seed=seed)
        residues[item.name] = score.per_residue()
        row = {**score.row(), "name": item.name, "file": item.path}
        del row["seconds"]  # the same designs give the same files
        if native is not None:
            row["identity"] = identity(structure, native)
        return [{**row, "sequence": "/".join(chain_sequences(structure, structure.residues).values())}]

    rows = rank_designs(run(batch, reading, work, failure))
    for row in rows[:details]:
        row["per_residue"] = residues.get(row["name"])
    options = {"mode": mode.value, "orders": orders, "designed": designed, "seed": seed}
    compared = None if reference is None else str(reference)
    write_rows(table, rows, columns_of(rows), run_of("score_designs", predictor, reference=compared, **options))
    with writing(sidecars[".svg"]):
        write_plot(sidecars[".svg"], rows)
    with writing(sidecars[".html"]):
        write_ranking(sidecars[".html"], rows, f"Ranking of {len(rows)} designs")
    show_rows(rows, SHOWN)
    finish(rows)


def inputs_and_table(paths: list[str]) -> tuple[list[str], Path]:
    """What to rank, and the table, which is the last; typer.BadParameter if that cannot be meant for a table."""
    *inputs, last = paths
    table = Path(last)
    named = "name the table last, e.g. ranking.csv"
    if Path(table.name.lower().removesuffix(".gz")).suffix in SUFFIXES:
        raise typer.BadParameter(f"{last} is named like a structure; {named}")
    if table.is_dir():
        raise typer.BadParameter(f"{last} is a folder, the table is missing; {named}")
    if table.suffix in (".svg", ".html"):
        raise typer.BadParameter(f"{last} is named like the plot or the page of the table; {named}")
    if not inputs:
        raise typer.BadParameter(f"{last} is all that is given: name the designs first; {named}")
    return inputs, table


def read_reference(path: Path) -> Structure:
    """The structure to compare with; typer.BadParameter if it cannot be read."""
    try:
        return pe.read_structure(path)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(f"--reference: {error}") from error


if __name__ == "__main__":
    typer.run(main)
