"""`prepare`, `train`, `evaluate`, `report`: the steps of the workflow, from raw files to figures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from protein_enn.cli.options import (
    Device,
    DeviceOption,
    Inputs,
    Json,
    Limit,
    Seed,
    Threads,
    Weights,
    predictor_for,
)
from protein_enn.cli.output import Progress, show_json, show_rows, stop, write_json, write_rows

PROTEIN_COLUMNS = (
    "set", "name", "scored", "perplexity", "recovery", "recovery_decoded", "perplexity_unconditional",
    "recovery_unconditional", "seconds", "error",
)  # fmt: skip


class Task(StrEnum):
    """What to evaluate."""

    design = "design"
    refinement = "refinement"
    mutations = "mutations"


@contextmanager
def explained() -> Iterator[None]:
    """Bad data, settings or files end the command with one line and exit status 1."""
    try:
        yield
    except (ValueError, OSError, RuntimeError) as error:
        stop(str(error) or type(error).__name__)


def prepare(
    inputs: Inputs,
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the store.")],
    valid_fraction: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the clusters held back for validation.")
    ] = 0.1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make a training store from structure files, or from one folder with chains.tsv (and decoys.tsv)."""
    from protein_enn.data import prepare as prepare_store

    with explained(), Progress() as progress:
        prepared = prepare_store(
            inputs,
            output,
            valid_fraction=valid_fraction,
            seed=seed,
            progress=lambda done, total: progress.show(done, total, "read"),
        )
    failures = [{"file": file, "error": reason} for file, reason in prepared.failed]
    if as_json:
        show_json({"store": str(output), "examples": len(prepared.store), "failed": failures})
    else:
        typer.echo(f"{len(prepared.store)} examples in {output}")
        if failures:
            show_rows(failures, ("file", "error"))
    if failures:
        raise typer.Exit(1)


def train(
    experiment: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML file of the experiment.")],
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the run.")],
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Store that `prepare` made.")],
    from_weights: Annotated[
        str | None, typer.Option("--from", help="Start from these weights: a shipped name or a .safetensors file.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after that many optimiser steps.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after that many minutes.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run in this folder stopped.")] = False,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Train with so many processes: a GPU each, or --threads CPU threads each.")
    ] = 1,
) -> None:
    """Train a predictor; the best weights of the run are DIR/best.safetensors."""
    from protein_enn.training import train as train_experiment

    with explained():
        result = train_experiment(
            experiment,
            output,
            data=data,
            from_weights=from_weights,
            max_steps=max_steps,
            max_minutes=max_minutes,
            resume=resume,
            device=device.value,
            threads=threads,
            processes=processes,
            say=lambda line: typer.echo(line, err=True),
        )
    if int(os.environ.get("LOCAL_RANK", 0)) == 0:
        typer.echo(f"{result.weights}: {result.steps} steps, {result.residues} residues, {result.minutes:.1f} min")


def evaluate(
    task: Annotated[Task, typer.Argument(help="What to measure.")],
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder with chains.tsv, decoys.tsv or mutations/*.csv.")
    ],
    split: Annotated[
        str,
        typer.Option(
            help="Split or set of the table, ts50, a mutation table's name, or all. design: also several joined by "
            "commas, all-sets (ts50,test,casp13,casp14), or predicted and predicted-natives (the models of decoys.tsv)."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write metrics as JSON.")
    ] = None,
    limit: Limit = None,
    orders: Annotated[int, typer.Option(min=1, help="design: decoding orders averaged.")] = 1,
    decode: Annotated[
        bool, typer.Option("--decode/--no-decode", help="design: also the recovery of sequences decoded at T = 0.")
    ] = True,
    proteins: Annotated[
        Path | None, typer.Option(dir_okay=False, help="design: write a row for each protein to this CSV file.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="design: print the figures as Markdown tables.")] = False,
    steps: Annotated[int, typer.Option(min=0, help="refinement: iterations of the network.")] = 3,
    positive_stabilises: Annotated[
        bool,
        typer.Option("--positive-stabilises", help="mutations: a positive ddg of the table is a gain, not a loss."),
    ] = False,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Measure a predictor on data whose answers are known; cases that fail are counted in the metrics."""
    from protein_enn import evaluation

    predictor = predictor_for("refinement" if task is Task.refinement else "design", weights, device, threads)
    if task is not Task.design and (proteins or markdown):
        raise typer.BadParameter("--proteins and --markdown are for the evaluation of design")
    with explained(), Progress() as progress:
        shared: dict[str, Any] = {"limit": limit, "seed": seed, "progress": progress.show}
        if task is Task.design:
            measured = evaluation.measure_design(data, split, predictor, orders=orders, decode=decode, **shared)
            metrics = measured.metrics()
        elif task is Task.refinement:
            metrics = evaluation.evaluate_refinement(data, split, predictor, steps=steps, **shared)
        else:
            metrics = evaluation.evaluate_mutations(
                data, split, predictor, positive_stabilises=positive_stabilises, **shared
            )
    if output is not None:
        write_json(output, metrics)
    if proteins is not None:
        from protein_enn.scoring.columns import run_of

        made = run_of("evaluate design", predictor, data=measured.facts["data"], orders=orders, seed=seed, limit=limit)
        write_rows(proteins, measured.rows(), PROTEIN_COLUMNS, made)
    if as_json:
        show_json(metrics)
    elif markdown:
        typer.echo(evaluation.design_markdown(measured))
    else:
        show_rows([{"metric": name, "value": value} for name, value in metrics.items()], ("metric", "value"))


def report(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", exists=True, help="Outputs of the other commands.")],
    output: Annotated[Path, typer.Option("-o", "--output", dir_okay=False, help="The HTML file.")],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "protein_enn report",
) -> None:
    """Make one self-contained HTML page of refinements, scores and metrics, given as files or folders."""
    from protein_enn.report import load_results, write_report

    with explained():
        refinements, scores, metrics = load_results(inputs)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_report(output, refinements=refinements, scores=scores, metrics=metrics, title=title)
    typer.echo(str(output))
