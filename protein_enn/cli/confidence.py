"""`decoys` and `evaluate confidence`: models of known quality to train a confidence on, and how well one does."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.evaluation import Data, Limit, Markdown, Output, show, written
from protein_enn.cli.options import Device, DeviceOption, Json, Processes, Seed, Threads, Weights, predictor_for
from protein_enn.cli.output import Progress, check_writable, explained, show_json, stop, writing
from protein_enn.io.batch import explain


def decoys(
    data: Annotated[Path, typer.Argument(metavar="DATA", exists=True, file_okay=False, help="Folder with decoys.tsv.")],
    store: Annotated[
        Path, typer.Argument(metavar="STORE", exists=True, file_okay=False, help="Store that `prepare` made.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder of the store of decoys.")],
    made: Annotated[int, typer.Option(min=0, help="Make so many models of natives of the store.")] = 2000,
    real: Annotated[int | None, typer.Option(min=1, help="Take so many real models at most.")] = None,
    processes: Processes = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make a store of real and made models with the quality of their residues, to train a confidence on.

    A tenth of the clusters of natives is held out for validation. A native has five real models at most.
    """
    from protein_enn.training.decoys.making import counts, make_decoys

    check_writable(output / "manifest.json")
    try:
        with writing(output), Progress() as progress:
            quality = make_decoys(
                data,
                store,
                output,
                made=made,
                limit=real,
                processes=processes,
                seed=seed,
                progress=lambda done, total: progress.show(done, total, "models"),
            )
    except ValueError as error:
        stop(explain(error))
    records = quality.store.records
    found = {split: counts([r for r in records if r.split == split]) for split in ("train", "val")}
    if as_json:
        show_json({"store": str(output), **found, "failed": quality.store.provenance["failed"]})
        return
    for split, kinds in found.items():
        typer.echo(f"{split}: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))


def evaluate(
    data: Data,
    split: Annotated[str, typer.Option(help="Split or source of decoys.tsv, or natives or noise-SIGMA.")],
    output: Output = None,
    limit: Limit = None,
    markdown: Markdown = False,
    weights: Weights = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Measure how well predicted lDDT agrees with the true one, beside pLDDT, design likelihood and contact counts."""
    from protein_enn.evaluation.confidence import evaluate_confidence

    predictor = predictor_for("confidence", weights, device, threads)
    with explained(), Progress() as bar:
        progress = partial(bar.show, line="models")
        done = evaluate_confidence(data, split, predictor, limit=limit, progress=progress)
    metrics = written(done.metrics(), output, True)
    show(metrics, as_json, done.markdown() if markdown else None)
