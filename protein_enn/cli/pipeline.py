"""`prepare`, `train`, `report`: steps of the workflow, from raw files to figures; `evaluate` is beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import Device, DeviceOption, Inputs, Json, Seed, Threads
from protein_enn.cli.output import Progress, show_json, show_rows, stop


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
    templates: Annotated[
        int, typer.Option(min=0, help="Models a cluster of one of its chains on another: examples for refinement.")
    ] = 0,
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
            templates=templates,
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


def report(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", exists=True, help="Outputs of the other commands.")],
    output: Annotated[Path, typer.Option("-o", "--output", dir_okay=False, help="The HTML file.")],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "protein_enn report",
) -> None:
    """Make one self-contained HTML page of refinements, scores and metrics, given as files or folders."""
    from protein_enn.report import load_results, write_report

    if output.exists() and output.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"-o {output}: exists and is no page; give a file that ends in .html")
    with explained():
        refinements, scores, metrics = load_results(inputs)
        output.parent.mkdir(parents=True, exist_ok=True)
        write_report(output, refinements=refinements, scores=scores, metrics=metrics, title=title)
    typer.echo(str(output))
