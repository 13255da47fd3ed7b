"""`score`: the likelihood of the sequences of structures, of their interfaces, over their models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from protein_enn.cli.batch import AUDIT_COLUMNS, Row, failure, in_shard, items, run
from protein_enn.cli.continuing import earlier_rows
from protein_enn.cli.design_columns import (
    Backbones,
    InterfaceOption,
    check_backbones,
    noise_columns,
    property_columns,
    sides_of,
    with_columns,
)
from protein_enn.cli.design_weights import DesignWeights
from protein_enn.cli.log_probs import LogProbs, check_log_probs
from protein_enn.cli.options import (
    Inputs,
    Json,
    Processes,
    Reading,
    Seconds,
    Seed,
    Sharding,
    Table,
    joined_selection,
    residues_option,
)
from protein_enn.cli.output import check_outputs, deliver, untimed, write_description, write_json
from protein_enn.cli.processes import device_for
from protein_enn.cli.sequences import SequenceFile, Sequences, text_of, with_differences, with_labels
from protein_enn.io.batch import Item, explain
from protein_enn.scoring.column import PROVENANCE

if TYPE_CHECKING:
    from protein_enn.scoring import DesignScore, EnsembleScore, InterfaceScore
    from protein_enn.structure import Structure

    Result = DesignScore | InterfaceScore | EnsembleScore

Key = tuple[str, str | None]
"""Of a result: the name of the structure, and the label of the sequence where several are scored on it."""
_COUNTS = ("residues", "designed", "scored")
_ORIGIN = ("seed", *PROVENANCE, "seconds", *AUDIT_COLUMNS, "error")
_LIKELIHOOD = ("log_likelihood", "standard_error", "perplexity", "recovery")
_ENSEMBLE = ("models", "models_standard_error", "lowest", "lowest_model", "highest")
_INTERFACE = (
    "interface_residues", "interface_score", "interface_standard_error", "interface_score_per_residue",
)  # fmt: skip
SCORE_COLUMNS = ("name", "file", *_COUNTS, "mode", "orders", *_LIKELIHOOD, *_ORIGIN)
CHAIN_COLUMNS = ("name", "file", "chain", *SCORE_COLUMNS[2:])
ENSEMBLE_COLUMNS = ("name", "file", *_COUNTS, "mode", "orders", *_LIKELIHOOD, *_ENSEMBLE, *_ORIGIN)
INTERFACE_COLUMNS = (
    "name", "file", "groups", *_COUNTS, "mode", "orders", *_INTERFACE, "log_likelihood", *_ORIGIN,
)  # fmt: skip
_LAST = ("seconds", "audit_severity", "error")
SCORE_SHOWN = ("name", "scored", *_LIKELIHOOD, *_LAST)
CHAIN_SHOWN = ("name", "chain", *SCORE_SHOWN[1:])
ENSEMBLE_SHOWN = ("name", "models", "scored", *_LIKELIHOOD[:2], *_ENSEMBLE[1:], *_LAST)
INTERFACE_SHOWN = ("name", "groups", *_INTERFACE, *_LAST)
OF_RESIDUES_COLUMNS = ("id", "residue", "log_likelihood", "entropy", "best")
OF_INTERFACE_RESIDUES_COLUMNS = ("id", "residue", "log_likelihood", "log_likelihood_alone", "gain", "interface")
TABLES = {
    "score": (SCORE_COLUMNS, SCORE_SHOWN, OF_RESIDUES_COLUMNS),
    "chains": (CHAIN_COLUMNS, CHAIN_SHOWN, OF_RESIDUES_COLUMNS),
    "interface": (INTERFACE_COLUMNS, INTERFACE_SHOWN, OF_INTERFACE_RESIDUES_COLUMNS),
    "ensemble": (ENSEMBLE_COLUMNS, ENSEMBLE_SHOWN, OF_RESIDUES_COLUMNS[:3]),
}
"""Columns of each kind of table, those shown, and those of the residues in the records."""


class Mode(StrEnum):
    """What a residue sees of the sequence when it is scored."""

    conditional = "conditional"
    single = "single"
    unconditional = "unconditional"


ModeOption = Annotated[
    Mode,
    typer.Option(
        help="Which residues a residue sees besides the backbone. conditional: those decoded before it, in random "
        "orders; the sum is the joint log-likelihood. single: all others (decode last). unconditional: none."
    ),
]


def score(
    inputs: Inputs,
    model: DesignWeights,
    reading: Reading,
    sharding: Sharding,
    output: Table = None,
    records: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write a record of each structure with all residues to this JSON file, NAME.scores.json.",
        ),
    ] = None,
    log_probs: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE",
            help="Write the log-probabilities of all 20 amino acids at each residue (nats) to this .npz or .csv file.",
        ),
    ] = None,
    mode: ModeOption = Mode.conditional,
    orders: Annotated[int, typer.Option(min=1, help="Average over so many decoding orders in conditional mode.")] = 8,
    sequences: Sequences = None,
    residues: Annotated[
        list[str] | None, residues_option("Score only these residues, given the sequence of all others")
    ] = None,
    per_chain: Annotated[
        bool, typer.Option("--per-chain", help="Write a row for each chain, not for each file.")
    ] = False,
    interface: InterfaceOption = None,
    properties: Annotated[
        bool,
        typer.Option(
            "--properties", help="Also surface, patches, charge, clashes and confidences: the columns of `rank`."
        ),
    ] = False,
    backbones: Backbones = 0,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble", help="Write one row for all models of a file: mean, standard error, worst and best."
        ),
    ] = False,
    seed: Seed = 0,
    processes: Processes = 1,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Score the sequence of each structure by its log-likelihood given the backbone.

    With --sequences, other sequences on its backbone as well, after its own.
    Scores are in nats per residue; higher is better. A table NAME.csv comes with NAME.columns.json: meaning and
    unit of each column, and how the table was made.
    """
    from protein_enn.scoring import interface_score
    from protein_enn.scoring import score as score_structure
    from protein_enn.scoring.columns import run_of
    from protein_enn.scoring.result import Provenance
    from protein_enn.scoring.sequences import structures_of

    chosen = {"chains": per_chain, "interface": interface is not None, "ensemble": ensemble}
    if sum(chosen.values()) > 1:
        raise typer.BadParameter("--per-chain, --interface and --ensemble each make another table: choose one")
    kind = next((name for name, wanted in chosen.items() if wanted), "score")
    if ensemble and reading.model != 1:
        raise typer.BadParameter("--ensemble takes every model: leave out --model")
    if ensemble and (sequences is not None or log_probs is not None):
        option = "--log-probs" if sequences is None else "--sequences"
        raise typer.BadParameter(f"{option} is for single structures: leave out --ensemble")
    if ensemble and (properties or backbones):
        raise typer.BadParameter("--properties and --backbones are for single structures: leave out --ensemble")
    check_backbones(backbones)
    whole = {"--records": records, "--ensemble": ensemble, "--log-probs": log_probs}
    device = device_for(processes, model.device, whole)
    check_outputs({"--output": output, "--records": records, "--log-probs": log_probs})
    check_log_probs(log_probs, interface)
    reading = replace(reading, all_models=True) if ensemble else reading
    batch = in_shard(items(inputs, sharding, writes=[output, records, log_probs], reads=[sequences]), sharding)
    given = None if sequences is None else SequenceFile(sequences, len(batch) == 1)
    use = "score" if interface is None else "interface"
    predictor = model.predictor(use, device)
    options: dict[str, Any] = {
        "mode": mode.value,
        "orders": orders,
        "designed": joined_selection(residues),
        "seed": seed,
    }
    found: dict[Key, Result] = {}
    kept = ensemble or records is not None  # other tables need no more than the rows
    table = LogProbs()

    def one(here: Row, structure: Structure) -> list[Row]:
        key, sides = (here["name"], here.get("label")), sides_of(structure, interface)
        more = property_columns(here["file"], structure, sides) if properties else {}
        if backbones:
            without_orders = {name: value for name, value in options.items() if name != "orders"}
            more |= noise_columns(structure, backbones, predictor, **without_orders)
        if sides is not None:
            measured = interface_score(structure, sides, predictor=predictor, **options)
            if kept:
                found[key] = measured
            return [{**measured.row(), **more, **here}]
        scored = score_structure(structure, predictor=predictor, **options)
        if kept:
            found[key] = scored
        if log_probs is not None:
            table.add(here, scored)
        return [{**scored.row(), **part, **more, **here} for part in (scored.chains() if per_chain else [{}])]

    def work(item: Item, structure: Structure) -> list[Row]:
        here = {"name": item.name, "file": item.path}
        if given is None:
            return one(here, structure)
        rows: list[Row] = []
        for label, target in structures_of(structure, given.of(item.name, structure)).items():
            try:
                if isinstance(target, ValueError):
                    raise target
                rows += [{**row, "sequence": text_of(target)} for row in one({**here, "label": label}, target)]
            except Exception as error:  # one sequence that does not fit never stops the others
                rows.append({**failed(item, explain(error)), "label": label})
        return with_differences(rows)

    def failed(item: Item, error: str) -> Row:
        return {**failure(item, error), "mode": mode.value, "seed": seed, **Provenance.of(predictor).row()}

    columns, shown, of_residues = with_labels(*TABLES[kind]) if sequences is not None else TABLES[kind]
    made = run_of("score", predictor, **options, table=kind, interface=interface)
    columns = with_columns(columns, properties=properties, noise=bool(backbones), interface=interface is not None)
    made |= {"properties": True} if properties else {}
    made |= {"backbones": backbones} if backbones else {}
    made |= {} if sequences is None else {"sequences": str(sequences)}
    earlier = earlier_rows(
        sharding,
        output,
        columns,
        made,
        {"--json": as_json, **whole},
    )
    rows = run(batch, reading, work, failed, earlier, processes)
    if ensemble:
        rows = [over_models(item, rows, found, failed) for item in batch]
    made_of = first_of_each(rows) if records is not None else {}
    records_made = [record(row, found.get(key), kind) for key, row in made_of.items()]
    rows, records_made = (rows, records_made) if seconds else (untimed(rows), untimed(records_made))
    if log_probs is not None:
        table.write(log_probs, {**made, "table": "log_probs"})
    if records is not None:
        write_json(records, records_made)
        write_description(records, tuple(dict.fromkeys((*columns, *of_residues))), made)
    deliver(rows, columns, output, as_json, shown_columns=shown, run=made, failed=sharding.failed)


def over_models(item: Item, rows: Sequence[Row], found: dict[Key, Result], failed: Callable[[Item, str], Row]) -> Row:
    """One row for the models of a file; a model that could not be scored, or is of another sequence, fails them all."""
    from protein_enn.scoring.ensemble import ensemble_of

    models = [row for row in rows if row["file"] == item.path]
    for row in models:
        if row["error"]:
            return failed(item, row["error"] if row["name"] == item.name else f"{row['name']}: {row['error']}")
    try:
        parts = [cast("DesignScore", found[row["name"], None]) for row in models]
        found[item.name, None] = ensemble = ensemble_of(parts)
    except ValueError as error:
        return failed(item, explain(error))
    return {**models[0], **ensemble.row(), "name": item.name, "file": item.path}


def first_of_each(rows: Sequence[Row]) -> dict[Key, Row]:
    """The first row of each name and label, in order."""
    found: dict[Key, Row] = {}
    for row in rows:
        found.setdefault((row["name"], row.get("label")), row)
    return found


def record(row: Row, result: Result | None, kind: str) -> Row:
    """What is known of one structure, with its residues; of a failure, its row."""
    made = {"kind": "score" if kind == "chains" else kind, **row, "per_residue": {}}
    return made if result is None else {**made, **result.record(), "name": row["name"], "file": row["file"]}
