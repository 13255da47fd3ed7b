"""`rank`: designs in the order of their scores, with what else a designer chooses by; a table, a plot and a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import Row, failure, in_shard, items, run
from protein_enn.cli.design_columns import (
    BACKBONES,
    Backbones,
    InterfaceOption,
    check_backbones,
    noise_columns,
    property_columns,
    sides_of,
)
from protein_enn.cli.design_weights import DesignWeights
from protein_enn.cli.options import (
    Inputs,
    Json,
    Reading,
    Seed,
    Sharding,
    joined_selection,
    residues_option,
)
from protein_enn.cli.output import deliver, writing
from protein_enn.cli.scoring import Mode, ModeOption
from protein_enn.cli.sequences import SequenceFile, Sequences, text_of
from protein_enn.cli.side_chains import PackingWeights, packer_for, packer_row
from protein_enn.io.batch import SUFFIXES, Item, explain

if TYPE_CHECKING:
    from protein_enn.structure import Structure

SHOWN = (
    "rank", "name", "target_rank", "log_likelihood", "standard_error", "noise_error", "separated", "interface_score",
    "hydrophobic_patch", "net_charge", "unsatisfied_polar", "clashes", "packing_log_density",
    "plddt", "iptm", "same_sequence_as", "error",
)  # fmt: skip
ALWAYS = ("rank", "name", "log_likelihood", "standard_error", "noise_error", "separated", "same_sequence_as", "error")
"""Columns that are shown even where no row fills them."""


def rank(
    inputs: Inputs,
    model: DesignWeights,
    reading: Reading,
    sharding: Sharding,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", dir_okay=False, help="The table, a CSV file; plot and page are beside it."),
    ],
    sequences: Sequences = None,
    mode: ModeOption = Mode.conditional,
    orders: Annotated[int, typer.Option(min=1, help="Average over so many decoding orders in conditional mode.")] = 8,
    backbones: Backbones = BACKBONES,
    residues: Annotated[
        list[str] | None, residues_option("Score only these residues, given the sequence of all others")
    ] = None,
    interface: InterfaceOption = None,
    reference: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Structure to whose sequence each is compared.")
    ] = None,
    packing: Annotated[
        bool, typer.Option("--packing", help="Add packing_log_density, how well the side chains are packed. Slower.")
    ] = False,
    packing_weights: PackingWeights = None,
    details: Annotated[int, typer.Option(min=0, help="Show the residues of so many of the best designs.")] = 10,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Rank designs, the best log-likelihood first: TABLE.csv, and beside it .columns.json, .svg and .html.

    Other columns: surface and patches, charge, contacts across the interface, clashes, and pLDDT, PAE and ipTM from
    files of AlphaFold, ColabFold, Boltz or Chai beside the models. A file that cannot be scored is listed last.
    """
    from protein_enn.metrics.backbones import targets
    from protein_enn.report.ranking import (
        columns_of,
        identity,
        rank_designs,
        several_targets,
        write_plot,
        write_ranking,
    )
    from protein_enn.scoring.columns import run_of

    check_backbones(backbones)
    if packing_weights and not packing:
        raise typer.BadParameter("--packing-weights is about the column of --packing: give --packing as well")
    if sharding.skip_existing:
        raise typer.BadParameter("--skip-existing cannot be used here: a ranking needs the scores of all files")
    beside = _beside(output)
    batch = items(inputs, sharding, writes=[output, *beside.values()], reads=[reference, sequences])
    batch = in_shard(batch, sharding)
    given = None if sequences is None else SequenceFile(sequences, len(batch) == 1)
    predictor = model.predictor("score")
    packer = packer_for(packing_weights, model.threads) if packing else None
    native = None if reference is None else _reference(reference)
    options: dict[str, Any] = {"mode": mode.value, "designed": joined_selection(residues), "seed": seed}
    per_residue: dict[str, Row] = {}
    structures: dict[str, Structure] = {}

    def one(item: Item, name: str, structure: Structure) -> Row:
        from protein_enn.scoring import interface_score, score
        from protein_enn.scoring.properties import packing_log_density

        scored = score(structure, predictor=predictor, orders=orders, **options)
        per_residue[name], structures[name] = scored.per_residue(), structure
        row = {**scored.row(), "name": name, "file": item.path}
        del row["seconds"]  # the same designs give the same files
        row |= noise_columns(structure, backbones, predictor, **options)
        if (groups := sides_of(structure, interface)) is not None:
            across = interface_score(structure, groups, predictor=predictor, orders=orders, **options)
            row |= {"interface_score": across.total, "interface_standard_error": across.standard_error}
        row |= property_columns(item.path, structure, groups)
        if packer is not None:
            row["packing_log_density"] = packing_log_density(structure, packer)
        if native is not None:
            row |= {"identity": identity(structure, native), "reference_sequence": text_of(native)}
        return {**row, "sequence": text_of(structure)}

    def work(item: Item, structure: Structure) -> list[Row]:
        from protein_enn.scoring.sequences import structures_of

        if given is None:
            return [one(item, item.name, structure)]
        rows: list[Row] = []
        for label, target in structures_of(structure, given.of(item.name, structure)).items():
            name = f"{item.name}_{label}"
            try:
                if isinstance(target, ValueError):
                    raise target
                rows.append(one(item, name, target))
            except Exception as error:  # one sequence that does not fit never stops the others
                rows.append({**failure(item, explain(error)), "name": name})
        return rows

    found = run(batch, reading, work, failure)
    target_of = targets(structures)
    rows = rank_designs([{**row, "target": target_of.get(row["name"])} for row in found])
    for row in rows[:details]:
        row["per_residue"] = per_residue.get(row["name"])
    with writing(beside[".svg"]):
        write_plot(beside[".svg"], rows)
    with writing(beside[".html"]):
        write_ranking(beside[".html"], rows, f"Ranking of {len(rows)} designs")
    if (note := several_targets(rows)) is not None:
        typer.echo(f"note: {note}", err=True)
    made = run_of("rank", predictor, **options, orders=orders, backbones=backbones, interface=interface)
    made |= {"reference": None if reference is None else str(reference), **(packer_row(packer) if packer else {})}
    shown = [name for name in SHOWN if name in ALWAYS or any(row.get(name) is not None for row in rows)]
    if note is None and "target_rank" in shown:
        shown.remove("target_rank")
    plain = [{key: value for key, value in row.items() if key not in ("per_residue", "audit")} for row in rows]
    deliver(
        rows, columns_of(rows), output, as_json, shown_columns=shown, answer=plain, run=made, failed=sharding.failed
    )


def _beside(table: Path) -> dict[str, Path]:
    """The plot and the page of a table, by suffix; typer.BadParameter if its name cannot be meant for a table."""
    named = "name the table, e.g. -o ranking.csv"
    if Path(table.name.lower().removesuffix(".gz")).suffix in SUFFIXES:
        raise typer.BadParameter(f"{table} is named like a structure; {named}")
    if table.suffix in (".svg", ".html"):
        raise typer.BadParameter(f"{table} is named like the plot or the page of the table; {named}")
    return {suffix: table.with_suffix(suffix) for suffix in (".svg", ".html")}


def _reference(path: Path) -> Structure:
    """The structure to compare with; typer.BadParameter if it cannot be read."""
    from protein_enn.io import read_structure

    try:
        return read_structure(path)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(f"--reference: {error}") from error
