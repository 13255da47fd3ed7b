"""`evaluate potential`: errors of energies and forces on frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.evaluation import Limit, Markdown, Output, show, written
from protein_enn.cli.options import Device, DeviceOption, Json, Threads, Weights, predictor_for
from protein_enn.cli.output import Progress, explained


def evaluate(
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of frames that `protein-enn frames` made.")
    ],
    split: Annotated[
        str,
        typer.Option(help="Some of train, val, test and residues (the held-out residue types), joined by commas."),
    ] = "val,test,residues",
    output: Output = None,
    limit: Limit = None,
    markdown: Markdown = False,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Measure the errors of a potential in energies and forces, by split and by residue type."""
    from protein_enn.evaluation.potential import evaluate_potential

    predictor = predictor_for("potential", weights, device, threads, use="evaluate")
    with explained(), Progress() as progress:
        measured = evaluate_potential(data, predictor, split.split(","), limit=limit, progress=progress.show)
    show(written(measured.metrics(), output, seconds=True), as_json, measured.markdown() if markdown else None)
