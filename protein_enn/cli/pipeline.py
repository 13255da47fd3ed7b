"""`prepare`, `train`, `report`: steps of the workflow, from raw files to figures; `evaluate` is beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import Device, DeviceOption, Inputs, Json, Seed, Threads
from protein_enn.cli.output import Progress, check_writable, show_json, show_rows, stop, writing


class Cluster(StrEnum):
    """How chains of plain files are clustered."""

    auto = "auto"
    mmseqs = "mmseqs"
    words = "words"


class Leaks(StrEnum):
    """What is done about related chains on both sides of a table's splits."""

    stop = "stop"
    move = "move"
    report = "report"


ClusterOption = Annotated[
    Cluster,
    typer.Option(help="Cluster plain files with mmseqs2 or by shared words; auto: mmseqs2 where it is installed."),
]
Identity = Annotated[
    float, typer.Option(min=0.1, max=1.0, help="Identity over half of the shorter at which chains share a cluster.")
]


@contextmanager
def explained() -> Iterator[None]:
    """Bad data, settings or files end the command with one line and exit status 1."""
    try:
        yield
    except typer.Exit:  # a RuntimeError too
        raise
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
    cluster: ClusterOption = Cluster.auto,
    identity: Identity = 0.3,
    leaks: Annotated[
        Leaks,
        typer.Option(help="What to do with chains of a table's validation that are related to its training."),
    ] = Leaks.stop,
    failed: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE.tsv",
            help="Write the files that cannot be used to this table; the exit status is then 0 if any can.",
        ),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make a training store from structure files, or from one folder with chains.tsv (and decoys.tsv)."""
    from protein_enn.data import prepare as prepare_store
    from protein_enn.data.preparation import NothingUsableError
    from protein_enn.io.failures import write_failures

    if failed is not None:
        check_writable(failed)
    with explained(), Progress() as progress:
        try:
            prepared = prepare_store(
                inputs,
                output,
                valid_fraction=valid_fraction,
                templates=templates,
                seed=seed,
                cluster=cluster.value,
                identity=identity,
                leaks=leaks.value,
                progress=lambda done, total: progress.show(done, total, "read"),
            )
        except NothingUsableError as error:
            if failed is not None:
                write_failures(failed, error.failed_paths)
            raise
    failures = [{"file": file, "error": reason} for file, reason in prepared.failed]
    if failed is not None:
        with writing(failed):
            write_failures(failed, prepared.failed_paths)
    if as_json:
        clustering = prepared.store.provenance["clustering"]
        counts = {"examples": len(prepared.store), "clustering": clustering, "notes": prepared.notes}
        show_json({"store": str(output), **counts, "failed": failures})
    else:
        for note in prepared.notes:
            typer.echo(note, err=True)
        typer.echo(f"{len(prepared.store)} examples in {output}")
        if failures:
            show_rows(failures, ("file", "error"))
    if failures and failed is None:
        raise typer.Exit(1)


def train(
    experiment: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML file of the experiment.")],
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the run.")],
    data: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Store that `prepare` made.")],
    embeddings: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Cache that `embed` made of the store, for language features."),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, file_okay=False, help="Labels that `label` made of the store; one for each condition."
        ),
    ] = None,
    from_weights: Annotated[
        str | None, typer.Option("--from", help="Start from these weights: a shipped name or a .safetensors file.")
    ] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after that many optimiser steps.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after that many minutes.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run in this folder stopped.")] = False,
    resume_if_any: Annotated[
        bool, typer.Option("--resume-if-any", help="The same if this very run stopped there; else start anew.")
    ] = False,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Train with so many processes: a GPU each, or --threads CPU threads each.")
    ] = 1,
    nodes: Annotated[
        int, typer.Option(min=1, help="Nodes on which this command was started, by srun or torchrun; see docs.")
    ] = 1,
) -> None:
    """Train a predictor; the best weights of the run are DIR/best.safetensors."""
    from protein_enn.training import train as train_experiment

    if resume and resume_if_any:
        raise typer.BadParameter("--resume and --resume-if-any are two ways of going on: choose one")
    with explained():
        result = train_experiment(
            experiment,
            output,
            data=data,
            embeddings=embeddings,
            labels=labels or (),
            from_weights=from_weights,
            max_steps=max_steps,
            max_minutes=max_minutes,
            resume=resume,
            resume_if_any=resume_if_any,
            device=device.value,
            threads=threads,
            processes=processes,
            nodes=nodes,
            say=lambda line: typer.echo(line, err=True),
        )
    if result.rank == 0:
        typer.echo(f"{result.weights}: {result.steps} steps, {result.residues} residues, {result.minutes:.1f} min")


def report(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", exists=True, help="Outputs of the other commands.")],
    output: Annotated[Path, typer.Option("-o", "--output", dir_okay=False, help="The HTML file.")],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "protein_enn report",
    details: Annotated[
        int, typer.Option(min=0, help="Structures, designs and scans, each the best so many, shown residue by residue.")
    ] = 40,
    dated: Annotated[
        bool, typer.Option("--date/--no-date", help="Without the date the same results give the same bytes.")
    ] = True,
) -> None:
    """Make one self-contained HTML page of what the other commands left, given as files or folders."""
    from protein_enn.report import load_results, write_report
    from protein_enn.report.load import known_files

    if output.exists() and output.suffix.lower() not in (".html", ".htm"):
        raise typer.BadParameter(f"-o {output}: exists and is no page; give a file that ends in .html")
    with explained():
        results = load_results(inputs)
        if not results.files:
            stop(f"{', '.join(map(str, inputs))}: nothing that a report shows; give {known_files()}")
        output.parent.mkdir(parents=True, exist_ok=True)
        write_report(output, results, title=title, dated=dated, details=details)
    typer.echo(str(output))
