"""`finetune`: weights adapted to a family, to structures of a lab or to measured mutations."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from protein_enn.cli.options import (
    START,
    Cluster,
    ClusterOption,
    Device,
    DeviceOption,
    Identity,
    Json,
    MaxMinutes,
    Seed,
    Templates,
    Threads,
)
from protein_enn.cli.output import Progress, explained, show_json, show_rows

if TYPE_CHECKING:
    from protein_enn.training.heads import TrainedHeads

MEASURED = "Measured mutations"
"""Panel of the help."""


def finetune(
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the run.")],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="IN...", help="Structure files, folders, or one folder with chains.tsv."),
    ] = None,
    base: Annotated[str, START] = "design",
    max_steps: Annotated[int, typer.Option(min=1, help="Stop after so many optimizer steps.")] = 300,
    max_minutes: MaxMinutes = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="Learning rate of AdamW. By default 3e-4, and 1e-4 with --ddg.")
    ] = None,
    valid_fraction: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Hold out this fraction of the clusters, and at least one.")
    ] = 0.2,
    cluster: ClusterOption = Cluster.auto,
    identity: Identity = 0.3,
    templates: Templates = 0,
    ddg: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, rich_help_panel=MEASURED,
            help="Learn from this CSV table: structure, chain, wild_type, position, mutant, ddg (kcal/mol).",
        ),
    ] = None,
    ddg_folder: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, rich_help_panel=MEASURED,
            help="Folder with the structures that the table names. By default the folder of the table.",
        ),
    ] = None,
    positive_stabilizes: Annotated[
        bool,
        typer.Option("--positive-stabilizes", rich_help_panel=MEASURED, help="A positive ddg of the table stabilizes."),
    ] = False,
    epochs: Annotated[
        int, typer.Option(min=1, rich_help_panel=MEASURED, help="Stop after so many passes over the proteins.")
    ] = 8,
    heads: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, rich_help_panel=MEASURED, metavar="FILE.yaml",
            help="Train heads for stability or binding on the base, which stays as it is, by this experiment file. Its "
            "tables are in --ddg-folder, by default the folder of the file.",
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Fine-tune weights on structures or on measured mutations. They stay as they were if that does not help."""
    if sum((ddg is not None, bool(inputs), heads is not None)) != 1:
        raise typer.BadParameter(
            "give structures (IN...), a table of measured mutations (--ddg) or an experiment of stability heads "
            "(--heads), one of them"
        )
    if ddg_folder is not None and ddg is None and heads is None:
        raise typer.BadParameter("--ddg-folder needs --ddg or --heads")

    def say(line: str) -> None:
        typer.echo(line, err=True)

    from protein_enn.training import finetune as on_chains
    from protein_enn.training import finetune_ddg as on_ddg

    with explained():
        if heads is not None:
            facts = asdict(
                _heads(heads, ddg_folder or heads.parent, output, positive_stabilizes, threads,
                       {"base": base, "cluster_by": cluster.value, "identity": identity, "seed": seed, "log": say})
            )  # fmt: skip
        elif ddg is not None:
            from protein_enn.evaluation.measurements import measurements

            table = {
                file: [(row.mutations, row.ddg) for row in rows]
                for file, rows in measurements(ddg, positive_stabilizes).items()
            }
            measured = on_ddg.finetune_on_ddg(
                table, ddg_folder or ddg.parent, output, base=base, name=ddg.stem, epochs=epochs,
                max_minutes=max_minutes,
                learning_rate=learning_rate or on_ddg.LEARNING_RATE, valid_fraction=valid_fraction,
                cluster_by=cluster.value, identity=identity, seed=seed, threads=threads, log=say,
            )  # fmt: skip
            facts = asdict(measured)
        else:
            with Progress() as progress:
                found = on_chains.finetune(
                    inputs or [], output, base=base, max_steps=max_steps, max_minutes=max_minutes,
                    learning_rate=learning_rate or on_chains.LEARNING_RATE, valid_fraction=valid_fraction,
                    cluster=cluster.value, identity=identity, templates=templates, seed=seed, device=device.value,
                    threads=threads, log=say, progress=lambda done, total: progress.show(done, total, "read"),
                )  # fmt: skip
            facts = asdict(found)
    notes = facts.pop("notes")
    if as_json:
        show_json({**facts, "notes": notes})
        return
    show_rows([{"metric": key, "value": value} for key, value in facts.items()], ("metric", "value"))
    if facts.get("kept") == "base":
        say(f"fine-tuning did not help on what was held out: {facts['weights']} are the weights of {base}")


def _heads(
    path: Path, folder: Path, output: Path, positive_stabilizes: bool, threads: int | None, options: dict[str, Any]
) -> TrainedHeads:
    """Trains heads by an experiment file, on tables in a folder."""
    from protein_enn.cli.options import use_threads
    from protein_enn.evaluation.measurements import measurements
    from protein_enn.models.stability import BINDING
    from protein_enn.training.finetune_binding import finetune_binding
    from protein_enn.training.finetune_stability import finetune_stability, read_stability_experiment

    use_threads(threads)
    experiment = read_stability_experiment(path)

    if experiment.target == BINDING:
        affinities: dict[str, list[tuple[Any, tuple[str, ...], float]]] = {}
        for name in experiment.ddg:
            for file, rows in measurements(folder / name, positive_stabilizes).items():
                affinities.setdefault(file, []).extend((row.mutations, row.partners, row.ddg) for row in rows)
        return finetune_binding(experiment, affinities, folder, output, **options)

    def table(name: str, column: str) -> dict[str, list[tuple[Any, float]]]:
        read = measurements(folder / name, positive_stabilizes, column=column)
        return {file: [(row.mutations, row.ddg) for row in rows] for file, rows in read.items()}

    ddg, melting = [table(name, "ddg") for name in experiment.ddg], [table(name, "dtm") for name in experiment.melting]
    return finetune_stability(experiment, ddg, melting, folder, output, **options)
