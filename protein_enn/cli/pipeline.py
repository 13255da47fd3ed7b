"""`prepare`, `train` and `report`: the first steps of the workflow, and its last."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import (
    START,
    Cluster,
    ClusterOption,
    Device,
    DeviceOption,
    Failed,
    Identity,
    Inputs,
    Json,
    MaxMinutes,
    Seed,
    Templates,
    Threads,
)
from protein_enn.cli.output import Progress, check_writable, explained, show_json, show_rows, stop, writing


class Leaks(StrEnum):
    """What is done about related chains in both splits of a table."""

    stop = "stop"
    move = "move"
    report = "report"


def prepare(
    inputs: Inputs,
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the store.")],
    valid_fraction: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Hold out this fraction of the clusters for validation.")
    ] = 0.1,
    templates: Templates = 0,
    cluster: ClusterOption = Cluster.auto,
    identity: Identity = 0.3,
    leaks: Annotated[
        Leaks,
        typer.Option(help="What to do if a table has validation chains that are related to its training chains."),
    ] = Leaks.stop,
    failed: Failed = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="So many processes with a thread each. By default one for each CPU.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make a training store from structure files, or from one folder with chains.tsv (and decoys.tsv).

    With --failed the exit status is 1 only if no file can be used.
    """
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
                processes=processes,
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
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT", exists=True, dir_okay=False, help="YAML file of the experiment.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the run.")],
    store: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Store that `prepare` made, or `frames` for a potential.")
    ],
    embeddings: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Cache that `embed` made of the store, for language features."),
    ] = None,
    labels: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Labels that `label` made of the store. May be repeated, once for each condition.",
        ),
    ] = None,
    from_weights: Annotated[str | None, START] = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many optimizer steps.")] = None,
    max_minutes: MaxMinutes = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run in this folder stopped.")] = False,
    resume_if_any: Annotated[
        bool, typer.Option("--resume-if-any", help="Go on if this run stopped in this folder. Otherwise start it.")
    ] = False,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    processes: Annotated[
        int, typer.Option(min=1, help="So many processes, each with a GPU or with --threads CPU threads.")
    ] = 1,
    nodes: Annotated[
        int,
        typer.Option(
            min=1, help="So many nodes. srun or torchrun starts this command on each; see docs/how-to/scaling.md."
        ),
    ] = 1,
) -> None:
    """Train a predictor. The best weights of the run are in DIR/best.safetensors."""
    from protein_enn.training import train as train_experiment

    if resume and resume_if_any:
        raise typer.BadParameter("--resume and --resume-if-any are two ways of going on: choose one")
    with explained():
        result = train_experiment(
            experiment,
            output,
            data=store,
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
            log=lambda line: typer.echo(line, err=True),
        )
    if result.rank == 0:
        typer.echo(
            f"{result.weights}: {result.steps} steps, {result.residues} {result.nodes}, {result.minutes:.1f} min"
        )


def report(
    inputs: Annotated[list[Path], typer.Argument(metavar="IN...", exists=True, help="Outputs of the other commands.")],
    output: Annotated[Path, typer.Option("-o", "--output", dir_okay=False, help="The HTML file.")],
    title: Annotated[str, typer.Option(help="Title of the page.")] = "protein_enn report",
    details: Annotated[
        int, typer.Option(min=0, help="Show the residues of so many of the best structures, designs and scans each.")
    ] = 40,
    dated: Annotated[
        bool, typer.Option("--date/--no-date", help="Write the date. Without it the same results give equal bytes.")
    ] = True,
) -> None:
    """Make one self-contained HTML page of the outputs of the other commands, given as files or folders."""
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
