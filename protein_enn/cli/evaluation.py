"""`evaluate`: how good a predictor is on data whose answers are known."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.options import (
    Condition,
    Device,
    DeviceOption,
    Json,
    Limit,
    Seconds,
    Seed,
    Threads,
    Weights,
    predictor_for,
)
from protein_enn.cli.output import Progress, show_json, show_rows, untimed, write_json, write_rows, write_text
from protein_enn.cli.pipeline import explained

if TYPE_CHECKING:
    from protein_enn.evaluation.refinement.measure import RefinementEvaluation
    from protein_enn.predictor import Predictor

PROTEIN_COLUMNS = (
    "set", "name", "scored", "perplexity", "recovery", "recovery_decoded", "perplexity_unconditional",
    "recovery_unconditional", "seconds", "error",
)  # fmt: skip
WORST_COLUMNS = ("set", "name", "residues", "lddt_before", "lddt_after", "lddt_gain", "max_ca")
DESIGN, REFINEMENT = "Design", "Refinement"
"""Panels of the help."""


class Task(StrEnum):
    """What to evaluate."""

    design = "design"
    refinement = "refinement"
    mutations = "mutations"


class Variant(StrEnum):
    """What is done to a model."""

    refine = "refine"
    side_chains = "side-chains"
    input = "input"
    openmm = "openmm"


def evaluate(
    task: Annotated[Task, typer.Argument(help="What to measure.")],
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder with chains.tsv, decoys.tsv or mutations/*.csv.")
    ],
    split: Annotated[
        str,
        typer.Option(
            help="Split or set of the table, ts50, a mutation table's name, or all. design: also all-sets "
            "(ts50,test,casp13,casp14), recent (test entries 8XXX and 9XXX), predicted and predicted-natives "
            "(models of decoys.tsv). refinement: a split or source of decoys.tsv, natives and noise-SIGMA (chains of "
            "chains.tsv; natives:val takes those of val). "
            "design and refinement: several joined by commas."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write metrics as JSON.")
    ] = None,
    limit: Limit = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="design, refinement: print the figures as Markdown tables.")
    ] = False,
    table: Annotated[
        Path | None,
        typer.Option("--table", "--proteins", dir_okay=False, help="design, refinement: a row for each case, as CSV."),
    ] = None,
    orders: Annotated[int, typer.Option(min=1, rich_help_panel=DESIGN, help="Decoding orders averaged.")] = 1,
    decode: Annotated[
        bool,
        typer.Option("--decode/--no-decode", rich_help_panel=DESIGN, help="Also recovery of sequences at T = 0."),
    ] = True,
    steps: Annotated[int, typer.Option(min=0, rich_help_panel=REFINEMENT, help="Iterations of the network.")] = 3,
    variant: Annotated[
        list[Variant] | None,
        typer.Option(rich_help_panel=REFINEMENT, help="What is done to a model; may be repeated (default refine)."),
    ] = None,
    openmm: Annotated[
        int,
        typer.Option(min=0, rich_help_panel=REFINEMENT, help="Also minimise so many cases of each set with OpenMM."),
    ] = 0,
    gdt: Annotated[
        bool, typer.Option("--gdt/--no-gdt", rich_help_panel=REFINEMENT, help="Also GDT-HA, whose search takes long.")
    ] = True,
    journal: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            rich_help_panel=REFINEMENT,
            help="Keep each outcome in this file; a stopped run goes on there.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            rich_help_panel=REFINEMENT,
            help="Write the calibration of the lDDT: a picture (SVG), or NAME.calibration.json for `report`.",
        ),
    ] = None,
    weights: Weights = None,
    condition: Condition = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Measure a predictor on data whose answers are known; cases that fail are counted in the metrics."""
    from protein_enn import evaluation

    if task is Task.mutations and (table or markdown):
        raise typer.BadParameter("--table and --markdown are for the evaluation of design and of refinement")
    if task is not Task.refinement and (variant or openmm or journal or plot):
        raise typer.BadParameter("--variant, --openmm, --journal and --plot are for the evaluation of refinement")
    kind = "refinement" if task is Task.refinement else "design"
    predictor = predictor_for(kind, weights, device, threads, condition=condition, use="evaluate")
    text: str | None = None
    rows: list[dict[str, Any]] = []
    worst: list[dict[str, Any]] = []
    columns: tuple[str, ...] = PROTEIN_COLUMNS
    with explained(), Progress() as progress:
        shared: dict[str, Any] = {"limit": limit, "seed": seed, "progress": progress.show}
        if task is Task.design:
            designed = evaluation.measure_design(data, split, predictor, orders=orders, decode=decode, **shared)
            metrics, rows, text = designed.metrics(), designed.rows(), evaluation.design_markdown(designed)
        elif task is Task.refinement:
            options: dict[str, Any] = {"steps": steps, "openmm": openmm, "with_gdt": gdt, "journal": journal}
            variants = [v.value for v in variant or [Variant.refine]]
            refined = evaluation.measure_refinement(data, split, predictor, variants=variants, **options, **shared)
            metrics, rows, text = refined.metrics(), refined.rows(), evaluation.refinement_markdown(refined)
            columns, worst = evaluation.REFINEMENT_COLUMNS, refined.worst()
        else:
            metrics = evaluation.evaluate_mutations(data, split, predictor, **shared)
    if not seconds:
        metrics, rows = untimed(metrics), untimed(rows)
    if output is not None:
        write_json(output, metrics)
    if table is not None:
        # Columns of a table of refinements say what they are; those of design are explained in a file beside it.
        run = (
            None
            if task is Task.refinement
            else _run(predictor, data=metrics["data"], orders=orders, seed=seed, limit=limit)
        )
        write_rows(table, rows, columns, run)
    if plot is not None:
        _write_plot(plot, refined)
    if as_json:
        show_json(metrics)
    elif markdown:
        typer.echo(text)
    else:
        show_rows([{"metric": name, "value": value} for name, value in metrics.items()], ("metric", "value"))
        if worst:
            typer.echo("worst cases:")
            show_rows(worst, WORST_COLUMNS)


def _run(predictor: Predictor, **options: Any) -> dict[str, Any]:
    from protein_enn.scoring.columns import run_of

    return run_of("evaluate design", predictor, **options)


def _write_plot(path: Path, refined: RefinementEvaluation) -> None:
    """Predicted and true lDDT of the results, all sets together, by the first variant: a picture, or its values."""
    from dataclasses import asdict

    from protein_enn.evaluation.refinement.confidence import calibration
    from protein_enn.report.calibration import calibration_plot
    from protein_enn.report.svg import alone

    first = refined.outcomes[0].variant
    pairs = [o.lddt_after for o in refined.outcomes if o.variant == first]
    bins, name = calibration(pairs), "Predicted and true lDDT of the results"
    if path.suffix == ".json":
        write_json(path, {"name": name, "bins": [asdict(b) for b in bins]})
    else:
        write_text(path, alone(calibration_plot(bins, name)))
