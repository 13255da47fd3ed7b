"""`calibrate`: from log-odds to kcal/mol, for one set of weights."""

from __future__ import annotations

from typing import Annotated

import typer

from protein_enn.cli.completion import weights_named
from protein_enn.cli.options import Condition, Device, DeviceOption, Json, MutationData, Seed, Threads, predictor_for
from protein_enn.cli.output import Progress, explained, show_json, show_rows


def calibrate(
    weights: Annotated[
        str,
        typer.Option(autocompletion=weights_named, help="Weights to calibrate: a .safetensors file or a shipped name."),
    ],
    data: MutationData,
    split: Annotated[str, typer.Option(help="Mutation table to fit on. Measure the calibration on others.")] = "s2648",
    condition: Condition = None,
    device: DeviceOption = Device.auto,
    seed: Seed = 0,
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Fit the slope from ddg_like in nats to -ddG in kcal/mol, and write it to the JSON file of the weights."""
    from protein_enn.evaluation import calibrate_mutations
    from protein_enn.scoring.calibration import store

    predictor = predictor_for("design", weights, device, threads, condition=condition, use="scan")
    with explained(), Progress() as progress:
        found = calibrate_mutations(data, split, predictor, seed=seed, progress=progress.show)
        store(found, weights)
    if as_json:
        show_json(found.to_dict())
    else:
        show_rows([{"calibration": name, "value": value} for name, value in found.to_dict().items()],
                  ("calibration", "value"))  # fmt: skip
