"""`scan`: every single mutation of structures, or the mutants that are named."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Row, by_input, failure, in_shard, items, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.design_columns import sides_of
from protein_enn.cli.design_weights import DesignWeights
from protein_enn.cli.folders import Force
from protein_enn.cli.mutant_structures import MutantWriter
from protein_enn.cli.options import (
    Inputs,
    Json,
    Reading,
    Seed,
    Sharding,
    Table,
)
from protein_enn.cli.output import deliver
from protein_enn.cli.scan_choice import ScanChoice, best_first
from protein_enn.cli.scan_choice import named as named_row
from protein_enn.cli.side_chains import PACKER_COLUMNS, PackingWeights, packer_for, packer_row
from protein_enn.io.batch import Item, explain
from protein_enn.scoring.column import PROVENANCE
from protein_enn.scoring.estimators import DDG_LIKE, ESTIMATORS

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.scoring.interface import Groups
    from protein_enn.structure import Structure

PLACE = ("chain", "number", "icode", "wt")
SURROUNDINGS = ("burial", "contacts")
MUTATION = (*PLACE, "mutant", "score", "ddg_like", "ddg_error", *SURROUNDINGS, "notes")
MATRIX = (*PLACE, *"ACDEFGHIKLMNPQRSTVWY", *SURROUNDINGS)
MUTANT = ("mutations", "score", "ddg_like", "ddg_error", "additive", "interaction", "orders", "seed", "notes")
SOURCE = ("name", "file")
OF_WEIGHTS = ("estimator", "groups", "calibration", "training", *PROVENANCE)
MATRIX_RUN = (*OF_WEIGHTS, *AUDIT_COLUMNS, "error")
RUN = (*OF_WEIGHTS, "output", *PACKER_COLUMNS, *AUDIT_COLUMNS, "error")
SCAN_COLUMNS = (*SOURCE, "mutations", *MUTATION, *RUN)
SCAN_SHOWN = ("name", "mutations", *MUTATION[len(PLACE) + 1 :], "audit_severity", "error")
MATRIX_COLUMNS = (*SOURCE, *MATRIX, *MATRIX_RUN)
MATRIX_SHOWN = ("name", *MATRIX, "error")
MUTANT_COLUMNS = (*SOURCE, *MUTANT, *RUN)
MUTANT_SHOWN = ("name", *MUTANT[:6], "notes", "audit_severity", "error")
BEST = 10
"""Mutations of a scan that are shown for each file."""


Estimator = StrEnum("Estimator", [(name, name) for name in ESTIMATORS])  # type: ignore[misc]
"""How a mutation is scored: the names in `scoring.estimators`."""


def scan(
    inputs: Inputs,
    model: DesignWeights,
    reading: Reading,
    sharding: Sharding,
    choice: ScanChoice,
    output: Table = None,
    mutant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MUTATIONS",
            help="Score only this mutant: A:H18A (H18A where there is one chain), or with several mutations "
            "A:H18A,A:T5S. May be repeated.",
        ),
    ] = None,
    mutant_file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Score the mutants in the column `mutations` of a CSV file, such as that of a scan.",
        ),
    ] = None,
    estimator: Annotated[
        Estimator,
        typer.Option(
            help="How a mutation is scored. "
            + " ".join(f"{name}: {estimator.meaning}." for name, estimator in ESTIMATORS.items())
        ),
    ] = Estimator[DDG_LIKE],
    interface: Annotated[
        str | None,
        typer.Option(
            "--interface",
            metavar="SIDES",
            help="Score what mutations do to binding between the sides of a complex: 'A|B', 'A,B|C', or all (each "
            "chain is a side). --weights binding gives kcal/mol.",
        ),
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Write a row for each residue and a column for each amino acid.")
    ] = False,
    structures: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help=f"Write mutants to this folder, as NAME_A-H18A, side chains packed: of a whole scan the {BEST} best.",
        ),
    ] = None,
    force: Force = False,
    repack_within: Annotated[
        float | None,
        typer.Option(min=0.0, help="In --structures, pack side chains too that are so near (Å) to a mutated residue."),
    ] = None,
    packing_weights: PackingWeights = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Score every single mutation, or only named mutants: log-odds of the new residue over the present one.

    `score` is in nats; higher is better. For calibrated weights `ddg_like` is -ddG in kcal/mol; it is positive if the
    mutation stabilizes. A whole scan prints the best mutations and writes all. With --weights stability `ddg_error` is
    the expected error, notes tell where training had few mutations like it, and `training` whether the protein or a
    relative was in it.
    --structures writes those that are printed; for others name them by --mutant or --mutant-file.
    """
    from protein_enn.models.stability import BINDING
    from protein_enn.scoring.columns import run_of, sidecar
    from protein_enn.scoring.result import Provenance

    if mutant_file is not None and output is not None and _is_one_of(mutant_file, [output, sidecar(output)]):
        raise typer.BadParameter(f"{mutant_file} is an input and would be overwritten; write to another file")
    asked = [*((None, text) for text in mutant or []), *(_listed(mutant_file) if mutant_file is not None else [])]
    named = bool(asked) or choice.combine is not None
    choice.check(bool(asked), matrix)
    if asked and matrix:
        raise typer.BadParameter("--matrix is of a whole scan: leave out --mutant and --mutant-file")
    if matrix and structures is not None:
        raise typer.BadParameter("--matrix and --structures: a matrix names no mutants; choose some by --mutant")
    if structures is None and (repack_within is not None or packing_weights is not None):
        option = "--packing-weights" if repack_within is None else "--repack-within"
        raise typer.BadParameter(f"{option} is about the files of --structures: give --structures FOLDER as well")
    if interface is not None and estimator.value != DDG_LIKE:
        raise typer.BadParameter("--estimator is of a protein by itself: leave it out, or --interface")
    predictor = model.predictor("scan")
    packer = None if structures is None else packer_for(packing_weights, model.threads)
    batch = items(inputs, sharding, writes=[output])
    writer = None
    if packer is not None and structures is not None:
        writer = MutantWriter(
            packer, structures, batch, reading, repack_within, seed, keep=not (force or sharding.skip_existing)
        )
    scored_by = estimator.value if interface is None else BINDING
    run_columns = {"estimator": scored_by, "groups": interface, **Provenance.of(predictor).row(), **packer_row(packer)}

    def work(item: Item, structure: Structure) -> list[Row]:
        where = {"name": item.name, "file": item.path, **run_columns, "error": None}
        groups = sides_of(structure, interface)
        if asked:
            of_file = [text for name, text in asked if name in (None, item.name)]
            found = _named(structure, of_file, predictor, estimator.value, groups, seed)
        else:
            found = choice.kept(structure, _all(structure, predictor, estimator.value, groups, matrix))
        if choice.combine is not None:
            mutants = choice.combinations(found)
            found = best_first(_named(structure, mutants, predictor, estimator.value, groups, seed))
        if writer is not None:
            writer.write(item, structure, found if asked else best_first(found)[: choice.top or BEST])
        return [{**where, **row} for row in found]

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), **run_columns}

    made = run_of("scan", predictor, estimator=scored_by, interface=interface, **({"seed": seed} if named else {}))
    made |= {key: value for key, value in vars(choice).items() if value}
    columns = MUTANT_COLUMNS if named else MATRIX_COLUMNS if matrix else SCAN_COLUMNS
    earlier = earlier_rows(sharding, output, columns, made, {"--json": as_json})
    rows = run(in_shard(batch, sharding), reading, work, failed, earlier)
    finish = partial(deliver, rows, output=output, as_json=as_json, run=made, failed=sharding.failed)
    if named:
        finish(MUTANT_COLUMNS, shown_columns=MUTANT_SHOWN)
    elif matrix:
        finish(MATRIX_COLUMNS, shown_columns=MATRIX_SHOWN, answer=by_input(rows, "scores", MATRIX))
    else:
        answer = by_input(rows, "mutations", ("mutations", *MUTATION))
        shown = _best(rows, choice.top or BEST)
        finish(SCAN_COLUMNS, shown=shown, shown_columns=SCAN_SHOWN, answer=answer)
        if len(shown) < len(rows) and not as_json:
            typer.echo(f"{len(shown)} of {len(rows)} mutations, the best; -o writes all", err=True)


def _all(structure: Structure, predictor: Predictor, estimator: str, groups: Groups | None, matrix: bool) -> list[Row]:
    """Every single mutation: a row each, or one for each residue."""
    from protein_enn.scoring import scan as scan_structure

    result = scan_structure(structure, groups=groups, predictor=predictor, estimator=estimator)
    found = {"calibration": result.calibration, "training": result.training}
    rows = result.matrix() if matrix else list(map(named_row, result.rows()))
    return [{**row, **found} for row in rows]


def _named(
    structure: Structure, named: list[str], predictor: Predictor, estimator: str, groups: Groups | None, seed: int
) -> list[Row]:
    """A row for each mutant in its place; one that cannot be scored has its error, and the others go on."""
    from protein_enn.scoring import score_mutants
    from protein_enn.structure.substitutions import parse_mutant, places, residue_index

    rows: list[dict[str, Any]] = [{"mutations": text, "seed": seed} for text in named]
    index = residue_index(structure)
    good = []
    for row in rows:
        try:
            mutant = parse_mutant(row["mutations"], structure)
            places(structure, mutant, index)
            good.append((row, mutant))
        except ValueError as error:
            row["error"] = explain(error)
    if good:
        wanted = [mutant for _, mutant in good]
        result = score_mutants(structure, wanted, groups=groups, predictor=predictor, estimator=estimator, seed=seed)
        for (row, _), found in zip(good, result.rows(), strict=True):
            row.update(found, calibration=result.calibration, training=result.training)
    return rows


def _listed(path: Path) -> list[tuple[str | None, str]]:
    """The column `mutations` of a CSV file, of a table of this command with the names of the structures.

    typer.BadParameter if it does not read as one, or nothing is in it.
    """
    header, *rows = _records(path) or [(1, [])]
    columns = [cell.strip() for cell in header[1]]
    if columns.count("mutations") != 1:
        has = "two columns" if "mutations" in columns else "no column"
        raise typer.BadParameter(f"{path} has {has} `mutations`: one mutant a line, such as A:H18A or A:H18A;B:T5S")
    for line, row in rows:
        if len(row) != len(columns):
            cells = f"{len(row)} cell{'s' * (len(row) != 1)}, but the header has {len(columns)}"
            hint = "; quote a list of mutations, or join them by ;" if len(row) > len(columns) else ""
            raise typer.BadParameter(f"{path}, line {line}: {cells}{hint}")
    at = columns.index("mutations")
    name = columns.index("name") if {"name", "file"} <= {*columns} else None
    found = [(None if name is None else row[name], text) for _, row in rows if (text := row[at].strip())]
    if not found:
        raise typer.BadParameter(f"{path} names no mutant in its column `mutations`")
    return found


def _records(path: Path) -> list[tuple[int, list[str]]]:
    """Where each record of a CSV file starts and its cells, without blank ones; typer.BadParameter if it is no CSV."""
    try:
        reader = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path}: not UTF-8 text; save it as CSV UTF-8") from None
    found, line = [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                found.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        what = "a quote is not closed" if "unexpected end of data" in str(error) else str(error)
        raise typer.BadParameter(f"{path}, line {line}: no valid CSV: {what}") from None
    return found


def _is_one_of(path: Path, others: list[Path]) -> bool:
    """Whether the file, which exists, is one of the others, under whatever name."""
    return any(other.exists() and other.samefile(path) for other in others)


def _best(rows: list[Row], count: int) -> list[Row]:
    """The best mutations of each structure, and what failed."""
    return [row for _, group in groupby(rows, lambda row: row["name"]) for row in best_first(list(group))[:count]]
