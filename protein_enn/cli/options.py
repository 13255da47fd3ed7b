"""Options that several commands share, and what they mean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor


class Device(StrEnum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Inputs = Annotated[
    list[str], typer.Argument(metavar="IN...", help="Structure files, folders (searched through) or glob patterns.")
]
DeviceOption = Annotated[Device, typer.Option(help="Where to run; auto takes a GPU if there is one.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice; recorded in the output.")]
Json = Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else on standard output.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; as many as torch chooses if not given.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only that many cases, spread evenly over the data.")]
Weights = Annotated[
    str | None, typer.Option(help="Name of shipped weights or path of a .safetensors file; the task's own by default.")
]
Table = Annotated[Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write the rows to this CSV file.")]


def predictor_for(task: str, weights: str | None, device: Device, threads: int | None) -> Predictor:
    """The predictor a command works with; typer.BadParameter if the weights or the device cannot be had."""
    from protein_enn.predictor import load_predictor

    use_threads(threads)
    try:
        predictor = load_predictor(weights or task, device=device.value)
    except (ValueError, OSError, RuntimeError, KeyError) as error:
        raise typer.BadParameter(f"the predictor could not be loaded: {error}") from error
    if predictor.task != task:
        raise typer.BadParameter(f"--weights {weights} are for {predictor.task}; this command needs {task} weights")
    return predictor


def use_threads(threads: int | None) -> None:
    """Have torch use that many CPU threads."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
