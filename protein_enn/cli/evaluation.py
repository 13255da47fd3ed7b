"""`evaluate design`, `refinement`, `mutations` and `packing`: how good results are on data with known answers."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.design_weights import DesignWeights
from protein_enn.cli.options import (
    Device,
    DeviceOption,
    Json,
    MutationData,
    Seconds,
    Seed,
    Threads,
    Weights,
    predictor_for,
    use_threads,
)
from protein_enn.cli.output import (
    Progress,
    explained,
    show_json,
    show_rows,
    untimed,
    write_json,
    write_rows,
    write_text,
)

if TYPE_CHECKING:
    from protein_enn.evaluation.refinement.confidence import CalibrationBin

CASE_COLUMNS = (
    "set", "name", "scored", "perplexity", "recovery", "recovery_decoded", "perplexity_unconditional",
    "recovery_unconditional", "seconds", "error",
)  # fmt: skip
WORST_COLUMNS = ("set", "name", "residues", "lddt_before", "lddt_after", "lddt_gain", "max_ca")
Data = Annotated[
    Path,
    typer.Option(
        exists=True,
        file_okay=False,
        help="Folder of a data set with chains.tsv, decoys.tsv or ts50.json, or a store that `prepare` made.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write the metrics to this JSON file.")
]
Cases = Annotated[Path | None, typer.Option(dir_okay=False, help="Write a row for each case to this CSV file.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only so many cases of each set, spread evenly over it.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the metrics as Markdown tables.")]


class Variant(StrEnum):
    """What is done to a model."""

    refine = "refine"
    side_chains = "side-chains"
    idealize = "idealize"
    moves = "moves"
    input = "input"
    openmm = "openmm"


def design(
    model: DesignWeights,
    data: Data,
    split: Annotated[
        str,
        typer.Option(
            help="Split or set of chains.tsv, ts50, all, all-sets (ts50,test,casp13,casp14), recent (test entries 8XXX "
            "and 9XXX), predicted or predicted-natives (models of decoys.tsv and their natives). Several are joined by "
            "commas."
        ),
    ],
    output: Output = None,
    cases: Cases = None,
    limit: Limit = None,
    markdown: Markdown = False,
    orders: Annotated[int, typer.Option(min=1, help="Average over so many decoding orders.")] = 1,
    decode: Annotated[
        bool, typer.Option("--decode/--no-decode", help="Also measure the recovery of sequences sampled at T = 0.")
    ] = True,
    seed: Seed = 0,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Measure perplexity and recovery of sequences. Cases that fail are counted in the metrics."""
    from protein_enn.evaluation import design_markdown, measure_design
    from protein_enn.scoring.columns import run_of

    predictor = model.predictor("evaluate")
    with explained(), Progress() as progress:
        designed = measure_design(
            data, split, predictor, orders=orders, decode=decode, limit=limit, seed=seed, progress=progress.show
        )
    metrics = written(designed.metrics(), output, seconds)
    if cases is not None:
        made = run_of("evaluate design", predictor, data=metrics["data"], orders=orders, seed=seed, limit=limit)
        write_rows(cases, designed.rows() if seconds else untimed(designed.rows()), CASE_COLUMNS, made)
    show(metrics, as_json, design_markdown(designed) if markdown else None)


def refinement(
    data: Data,
    split: Annotated[
        str,
        typer.Option(
            help="Split or source of decoys.tsv, or natives or noise-SIGMA (test chains of chains.tsv; natives:val "
            "takes those of val). Several are joined by commas."
        ),
    ],
    output: Output = None,
    cases: Cases = None,
    limit: Limit = None,
    markdown: Markdown = False,
    steps: Annotated[int, typer.Option(min=0, help="Iterations of the network.")] = 3,
    variant: Annotated[
        list[Variant] | None, typer.Option(help="What is done to a model. May be repeated.", show_default="refine")
    ] = None,
    openmm: Annotated[int, typer.Option(min=0, help="Also minimize so many cases of each set by OpenMM.")] = 0,
    gdt: Annotated[bool, typer.Option("--gdt/--no-gdt", help="Also measure GDT-HA, which is slow.")] = True,
    journal: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Keep each outcome in this file. A run that was stopped goes on from it."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Write the calibration of the predicted lDDT: a picture (SVG), or NAME.calibration.json for `report`.",
        ),
    ] = None,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Measure how much closer refined models are to their natives. Cases that fail are counted in the metrics."""
    from protein_enn.evaluation import REFINEMENT_COLUMNS, measure_refinement, refinement_markdown

    predictor = predictor_for("refinement", weights, device, threads, use="evaluate")
    variants = [one.value for one in variant or [Variant.refine]]
    options: dict[str, Any] = {"steps": steps, "openmm": openmm, "with_gdt": gdt, "journal": journal, "limit": limit}
    with explained(), Progress() as progress:
        refined = measure_refinement(
            data, split, predictor, variants=variants, seed=seed, progress=progress.show, **options
        )
    metrics = written(refined.metrics(), output, seconds)
    if cases is not None:
        write_rows(cases, refined.rows() if seconds else untimed(refined.rows()), REFINEMENT_COLUMNS)
    if plot is not None:
        from protein_enn.evaluation.refinement.confidence import calibration

        first = refined.outcomes[0].variant
        bins = calibration([o.lddt_after for o in refined.outcomes if o.variant == first])
        _write_plot(plot, bins, "Predicted and true lDDT of the results", ("predicted lDDT", "true lDDT"))
    show(metrics, as_json, refinement_markdown(refined) if markdown else None, worst=refined.worst())


def mutations(
    model: DesignWeights,
    data: MutationData,
    split: Annotated[str, typer.Option(help="Name of a table in mutations/ without .csv, or all.")],
    output: Output = None,
    limit: Limit = None,
    baselines: Annotated[
        str | None,
        typer.Option(metavar="TABLE", help="Also measure two ridge regressions, fitted on it without relatives."),
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Compare with the scores in this column. Repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave out files with this in their name. Repeatable.")
    ] = None,
    seed: Seed = 0,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Measure how well scores of mutations rank measured stabilities. Cases that fail are counted in the metrics."""
    from protein_enn.evaluation import evaluate_mutations

    predictor = model.predictor("evaluate")
    with explained(), Progress() as progress:
        chosen: dict[str, Any] = {"baselines": baselines, "against": against or (), "exclude": exclude or ()}
        measured = evaluate_mutations(data, split, predictor, limit=limit, seed=seed, progress=progress.show, **chosen)
    show(written(measured, output, seconds), as_json)


def packing(
    data: Data,
    split: Annotated[
        str,
        typer.Option(
            help="Split or set of chains.tsv (natives), predicted or predicted:SOURCE (models of decoys.tsv and their "
            "natives), structures:DIR (files without a native). Several are joined by commas."
        ),
    ],
    packer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="packing|rotamers|input|weights:FILE|files:DIR",
            help="What packs: the shipped weights, a search of common rotamers, nothing (side chains of the input "
            "stay), other weights, or another program, whose files NAME.pdb are in DIR. May be repeated.",
            show_default="packing",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Draws of a learned packer, to see whether they cover the native.")
    ] = 0,
    output: Output = None,
    cases: Cases = None,
    count: Limit = None,
    most_residues: Annotated[int | None, typer.Option(min=1, help="Leave out structures with more residues.")] = None,
    idealize: Annotated[
        bool, typer.Option("--idealize/--no-idealize", help="Also idealize what was packed, and measure again.")
    ] = True,
    plot: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the calibration of the first packer's probabilities (SVG or JSON)."),
    ] = None,
    markdown: Markdown = False,
    threads: Threads = None,
    seconds: Seconds = True,
    as_json: Json = False,
) -> None:
    """Measure how close packed side chains come to the native's. Cases that fail are counted in the metrics."""
    from protein_enn.evaluation import PACKING_COLUMNS, measure_packing, packers_named, packing_markdown

    use_threads(threads)
    with explained(), Progress() as progress:
        packed = measure_packing(
            data,
            split,
            packers_named(packer or ["packing"], samples),
            most_residues=most_residues,
            count=count,
            idealize=idealize,
            timed=seconds,
            progress=progress.show,
        )
    metrics = written(packed.metrics(), output, seconds)
    if cases is not None:
        write_rows(cases, packed.rows(), PACKING_COLUMNS)
    if plot is not None:
        axes = ("probability of the side chain", "fraction right")
        _write_plot(plot, packed.calibration(), "Probabilities of packed side chains", axes)
    show(metrics, as_json, packing_markdown(packed) if markdown else None)


def written(metrics: dict[str, Any], output: Path | None, seconds: bool) -> dict[str, Any]:
    """The metrics, without times if they are not wanted, and written if there is a file for them."""
    metrics = metrics if seconds else untimed(metrics)
    if output is not None:
        write_json(output, metrics)
    return metrics


def show(
    metrics: dict[str, Any], as_json: bool, markdown: str | None = None, worst: Sequence[dict[str, Any]] = ()
) -> None:
    """Print the metrics as JSON, as Markdown or as a table with the worst cases."""
    if as_json:
        show_json(metrics)
    elif markdown is not None:
        typer.echo(markdown)
    else:
        show_rows([{"metric": name, "value": value} for name, value in metrics.items()], ("metric", "value"))
        if worst:
            typer.echo("worst cases:")
            show_rows(worst, WORST_COLUMNS)


def _write_plot(path: Path, bins: Sequence[CalibrationBin], name: str, axes: tuple[str, str]) -> None:
    """Predicted and true values, all sets together, by the first variant or packer: a picture, or its values."""
    from dataclasses import asdict

    from protein_enn.report.calibration import calibration_plot
    from protein_enn.report.svg import alone

    if path.suffix == ".json":
        write_json(path, {"name": name, "bins": [asdict(b) for b in bins]})
    else:
        write_text(path, alone(calibration_plot(bins, name, axes)))
