"""`label`: what a teacher says of the chains of a store, for training a design model on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.batch import explain
from protein_enn.cli.options import Json, Seed
from protein_enn.cli.output import Progress, check_writable, show_json, show_rows, stop, writing


def label(
    store: Annotated[Path, typer.Argument(metavar="STORE", exists=True, file_okay=False, help="That `prepare` made.")],
    teacher: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Published weights of ProteinMPNN or SolubleMPNN (.pt).")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the labels; it is added to.")
    ],
    condition: Annotated[
        str | None,
        typer.Option(
            help="Name under which the model is told to answer like this teacher. v_48_002: clean, v_48_020: robust, "
            "SolubleMPNN: soluble; required for others.",
            show_default=False,
        ),
    ] = None,
    alone: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the chains with partners labelled without them.")
    ] = 0.5,
    fraction: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Share of the training chains; of each cluster one at least.")
    ] = 1.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes with a thread each; one for each CPU if not given.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Work out what a teacher says of each chain of a store under three views, for `train --labels`.

    What is there already is not done again, so a run that was stopped goes on. Chains that cannot be labelled are
    listed with the reason and left out.
    """
    from protein_enn.data import Store
    from protein_enn.data.labels import HEAD, LabelSet
    from protein_enn.training.labeling import known_condition, label_store, read_teacher

    name = condition or known_condition(teacher)
    if name is None:
        raise typer.BadParameter(f"--teacher {teacher.name}: name its condition with --condition, such as clean")
    try:
        read_teacher(teacher)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(f"the teacher could not be loaded: {explain(error)}") from error
    check_writable(output / HEAD)
    try:
        with writing(output), Progress() as progress:
            new = label_store(
                store,
                teacher,
                output,
                condition=name,
                alone=alone,
                fraction=fraction,
                seed=seed,
                workers=workers,
                progress=lambda done, total: progress.show(done, total, "chains labelled"),
            )
        labels, records = LabelSet(output, verify=False), Store(store, verify=False).records
    except (ValueError, RuntimeError) as error:
        stop(explain(error))
    skipped = [{"record": records[i].name, "reason": reason} for i, reason in sorted(labels.skipped.items())]
    if as_json:
        counts = {"new": new, "labelled": len(labels), "skipped": skipped}
        show_json({"labels": str(output), "condition": name, "teacher": labels.teacher, **counts})
        return
    typer.echo(
        f"{output}: {len(labels)} chains, {new} of them new, by {labels.teacher['name']} for {name}; "
        f"{len(skipped)} skipped"
    )
    if skipped:
        show_rows(skipped, ("record", "reason"))
