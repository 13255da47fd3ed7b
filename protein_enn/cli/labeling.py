"""`label`: predictions of a teacher for the chains of a store, for training a design model on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.options import Json, Seed
from protein_enn.cli.output import Progress, check_writable, show_json, show_rows, stop, writing
from protein_enn.io.batch import explain


def label(
    store: Annotated[
        Path, typer.Argument(metavar="STORE", exists=True, file_okay=False, help="Store that `prepare` made.")
    ],
    teacher: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Published weights of ProteinMPNN or SolubleMPNN (.pt).")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the labels. What it holds is kept.")
    ],
    condition: Annotated[
        str | None,
        typer.Option(
            help="Name of this teacher for --condition of other commands. By default v_48_002 is clean, v_48_020 is "
            "robust and SolubleMPNN is soluble. Required for other teachers.",
            show_default=False,
        ),
    ] = None,
    alone: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Fraction of the chains with partners that are labeled without their partners."
        ),
    ] = 0.5,
    fraction: Annotated[
        float,
        typer.Option(
            min=0.001, max=1.0, help="Label this fraction of the training chains, and at least one of each cluster."
        ),
    ] = 1.0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="So many processes with a thread each. By default one for each CPU.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Label each chain of a store with the predictions of a teacher under three views, for `train --labels`.

    Chains that are labeled already are not labeled again, so a run that was stopped goes on. Chains that cannot be
    labeled are listed with the reason and left out.
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
                workers=processes,
                progress=lambda done, total: progress.show(done, total, "chains labeled"),
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
