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

from protein_enn.cli.completion import weights_named
from protein_enn.workflow.sharding import Shard

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
        metavar="IN...",
        help="Structure files, folders (searched through), glob patterns, @LIST (a file with a path a line), or - for "
        "standard input.",
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="Where to run; auto takes a GPU if there is one.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice; recorded in the output.")]
Json = Annotated[bool, typer.Option("--json", help="Print the rows as JSON and nothing else on standard output.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads; as many as torch chooses if not given.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Take only that many cases, spread evenly over the data.")]
Weights = Annotated[
    str | None,
    typer.Option(
        autocompletion=weights_named,
        help="Shipped weights by name, or a .safetensors or published ProteinMPNN .pt file; the task's own by default.",
    ),
]
LanguageWeights = Annotated[
    str | None,
    typer.Option(
        help="Checkpoint of the language model, for weights that take one; else PROTEIN_ENN_ESM_WEIGHTS names it."
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        help="Which teacher weights with several answer like, such as clean, robust or soluble; by default what the "
        "weights say for this command.",
        show_default=False,
    ),
]
Seconds = Annotated[
    bool, typer.Option("--seconds/--no-seconds", help="Say how long each took; without, two runs give the same bytes.")
]
Table = Annotated[Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write the rows to this CSV file.")]

_PANEL, _SHARE = "How files are read", "Part of a larger job"


@dataclass(frozen=True)
class Reading:
    """How a command reads its files. Each field is an option of every command that takes a parameter of this type."""

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


@dataclass(frozen=True)
class Portion:
    """Which of its files a command does, and where it lists those that it could not do. Options as in `Reading`."""

    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", rich_help_panel=_SHARE, help="Do share I of N of the files, such as 3/8; by their names."
        ),
    ] = None
    failed: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            rich_help_panel=_SHARE,
            help="List what cannot be done in this TSV file (file, reason), and have exit status 0 all the same.",
        ),
    ] = None

    def __post_init__(self) -> None:
        self.part()

    def part(self) -> Shard | None:
        """The share of the files, None for all; typer.BadParameter if it is none."""
        try:
            return None if self.shard is None else Shard.parse(self.shard)
        except ValueError as error:
            raise typer.BadParameter(f"--shard: {error}") from error


GROUPS = (Reading, Portion)


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of `Reading` and `Portion` as options in place of parameters of these types."""
    own, groups, options = list[inspect.Parameter](), dict[str, tuple[Any, list[str]]](), list[inspect.Parameter]()
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if (group := parameter.annotation) not in GROUPS:
            own.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        fields = get_type_hints(group, include_extras=True)
        groups[parameter.name] = group, list(fields)
        options += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(group, name), annotation=kind)
            for name, kind in fields.items()
        ]

    @wraps(command)
    def expanded(**given: Any) -> None:
        made = {name: group(**{field: given.pop(field) for field in of}) for name, (group, of) in groups.items()}
        command(**made, **given)

    parameters = [*own, *options]
    expanded.__annotations__ = {p.name: p.annotation for p in parameters}
    expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return expanded


def predictor_for(
    task: str,
    weights: str | None,
    device: Device,
    threads: int | None,
    language: str | None = None,
    *,
    condition: str | None = None,
    use: str = "",
) -> Predictor:
    """The predictor a command works with; typer.BadParameter if weights, condition or device cannot be had.

    `use` names the command for the default condition of the weights.
    """
    from protein_enn.predictor import load_predictor

    use_threads(threads)
    try:
        predictor = load_predictor(weights or task, device=device.value, language=language, condition=condition)
        predictor.needed_language()
    except (ValueError, OSError, RuntimeError, KeyError) as error:
        raise typer.BadParameter(f"the predictor could not be loaded: {error}") from error
    if predictor.task != task:
        raise typer.BadParameter(f"--weights {weights} are for {predictor.task}; this command needs {task} weights")
    return predictor.used_for(use)


def use_threads(threads: int | None) -> None:
    """Have torch use that many CPU threads."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
