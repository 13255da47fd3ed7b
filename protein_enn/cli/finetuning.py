"""`finetune`: weights that know a family, a lab's structures or measured mutations better, if they then do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import Device, DeviceOption, Json, Seed, Threads
from protein_enn.cli.output import Progress, show_json, show_rows
from protein_enn.cli.pipeline import Cluster, ClusterOption, Identity, explained

MEASURED = "Measured mutations"
"""Panel of the help."""


def finetune(
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the run.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IN...]", help="Structure files, folders, or one folder with chains.tsv."),
    ] = None,
    base: Annotated[
        str, typer.Option("--from", help="Weights to start from: a shipped name or a .safetensors file.")
    ] = "design",
    max_steps: Annotated[int, typer.Option(min=1, help="Optimiser steps at most.")] = 300,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after that many minutes.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Of AdamW: 3e-4, with --ddg 1e-4, if not given.")
    ] = None,
    valid_fraction: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the clusters held out; one at least.")
    ] = 0.2,
    cluster: ClusterOption = Cluster.auto,
    identity: Identity = 0.3,
    templates: Annotated[
        int, typer.Option(min=0, help="For refinement: models a cluster of one of its chains on another.")
    ] = 0,
    ddg: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, rich_help_panel=MEASURED,
            help="Learn from this CSV: structure, chain, wild_type, position, mutant, ddg (kcal/mol).",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, rich_help_panel=MEASURED,
            help="Folder that the structures of the CSV are relative to; its own if not given.",
        ),
    ] = None,
    positive_stabilises: Annotated[
        bool,
        typer.Option("--positive-stabilises", rich_help_panel=MEASURED, help="A positive ddg is a gain, not a loss."),
    ] = False,
    epochs: Annotated[int, typer.Option(min=1, rich_help_panel=MEASURED, help="Passes over the proteins at most.")] = 8,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Fine-tune weights on structures, or on measured mutations; the base is kept where that does not help."""
    if (ddg is None) == (not inputs):
        raise typer.BadParameter("give structures (IN...) or a table of measured mutations (--ddg), one of the two")
    if data is not None and ddg is None:
        raise typer.BadParameter("--data is for --ddg")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    from protein_enn.training import finetune as on_chains
    from protein_enn.training import finetune_ddg as on_ddg

    with explained():
        if ddg is not None:
            from protein_enn.evaluation.mutations import measurements

            table = {
                file: [(row.mutations, row.ddg) for row in rows]
                for file, rows in measurements(ddg, positive_stabilises).items()
            }
            measured = on_ddg.finetune_on_ddg(
                table, data or ddg.parent, output, base=base, name=ddg.stem, epochs=epochs, max_minutes=max_minutes,
                learning_rate=learning_rate or on_ddg.LEARNING_RATE, valid_fraction=valid_fraction,
                cluster_by=cluster.value, identity=identity, seed=seed, threads=threads, say=say,
            )  # fmt: skip
            facts = asdict(measured)
        else:
            with Progress() as progress:
                found = on_chains.finetune(
                    inputs or [], output, base=base, max_steps=max_steps, max_minutes=max_minutes,
                    learning_rate=learning_rate or on_chains.LEARNING_RATE, valid_fraction=valid_fraction,
                    cluster=cluster.value, identity=identity, templates=templates, seed=seed, device=device.value,
                    threads=threads, say=say, progress=lambda done, total: progress.show(done, total, "read"),
                )  # fmt: skip
            facts = asdict(found)
    notes = facts.pop("notes")
    if as_json:
        show_json({**facts, "notes": notes})
        return
    show_rows([{"figure": key, "value": value} for key, value in facts.items()], ("figure", "value"))
    if facts["kept"] == "base":
        say(f"fine-tuning did not help on what was held out: {facts['weights']} are the weights of {base}")
