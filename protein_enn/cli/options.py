"""Options that several commands share, and what they mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor
    from protein_enn.structure import Structure


class Device(StrEnum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...", help="Structure files, folders (searched through), glob patterns, or - for standard input."
    ),
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

_PANEL = "How files are read"


@dataclass(frozen=True)
class Reading:
    """How a command reads its files. Each field is an option of every command that takes a `reading`."""

    model: Annotated[int, typer.Option(min=1, rich_help_panel=_PANEL, help="Model, counted from 1 in file order.")] = 1
    all_models: Annotated[
        bool,
        typer.Option("--all-models", rich_help_panel=_PANEL, help="Every model: a result each, NAME_model1 and so on."),
    ] = False
    assembly: Annotated[
        str | None, typer.Option(rich_help_panel=_PANEL, help="Build this biological assembly, such as 1.")
    ] = None
    block: Annotated[
        str | None, typer.Option(rich_help_panel=_PANEL, help="Data block, where several of a file hold atoms.")
    ] = None
    lenient: Annotated[
        bool, typer.Option("--lenient", rich_help_panel=_PANEL, help="Drop atoms without coordinates and count them.")
    ] = False
    predicted: Annotated[
        bool | None,
        typer.Option(
            "--predicted/--b-factors",
            rich_help_panel=_PANEL,
            help="What the B-factor column holds: pLDDT or B factors. As the file declares if not given.",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.all_models and self.model != 1:
            raise typer.BadParameter("--all-models reads every model: leave out --model")

    def structures(self, path: str, name: str) -> list[Structure]:
        """What a file holds, as asked for: one structure, or one for each model. "-" is standard input."""
        from protein_enn.io import read_models, read_structure

        how: dict[str, Any] = {key: value for key, value in vars(self).items() if key not in ("model", "all_models")}
        if self.all_models:
            return read_models(path, name=name, **how)
        return [read_structure(path, model=self.model, name=name, **how)]


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of `Reading` as options in place of its parameter `reading`."""
    fields = get_type_hints(Reading, include_extras=True)
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(Reading, name), annotation=kind)
        for name, kind in fields.items()
    ]
    others = inspect.signature(command, eval_str=True).parameters.values()
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in others if p.name != "reading"]

    @wraps(command)
    def expanded(**given: Any) -> None:
        command(reading=Reading(**{name: given.pop(name) for name in fields}), **given)

    parameters = [*own, *options]
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return expanded


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
