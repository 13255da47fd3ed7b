"""The options of several commands, each defined once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
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


_READING, _SHARD = "How files are read", "Part of a larger job"
"""Panels of the help."""


class Device(StrEnum):
    """Where the network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Cluster(StrEnum):
    """How chains of plain files are clustered."""

    auto = "auto"
    mmseqs = "mmseqs"
    words = "words"


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="IN...",
        help="Structure files, folders (searched through), glob patterns, @LIST (a file with one path a line), or - "
        "for standard input.",
    ),
]
DeviceOption = Annotated[Device, typer.Option(help="Where to run. auto takes a GPU if there is one.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice. It is recorded in the output.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads. By default as many as torch chooses.")]
Processes = Annotated[int, typer.Option(min=1, help="So many processes with a thread each.")]
Weights = Annotated[
    str | None,
    typer.Option(
        autocompletion=weights_named,
        help="Shipped weights by name, a .safetensors file, or a .pt file of published ProteinMPNN weights. By default "
        "the shipped weights of the task.",
    ),
]
LanguageWeights = Annotated[
    str | None,
    typer.Option(
        help="Checkpoint of the language model, for weights that need one. By default PROTEIN_ENN_ESM_WEIGHTS names it."
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        help="For weights with several teachers: the teacher to answer like, such as clean, robust or soluble. By "
        "default the one that the weights name for this command.",
        show_default=False,
    ),
]
Seconds = Annotated[
    bool, typer.Option("--seconds/--no-seconds", help="Write how long each took. Without it two runs give equal bytes.")
]
Table = Annotated[Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write the rows to this CSV file.")]

Failed = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.tsv",
        dir_okay=False,
        rich_help_panel=_SHARD,
        help="List the inputs that fail in this table (file, reason). The exit status is then 0.",
    ),
]
MaxMinutes = Annotated[float | None, typer.Option(min=0.0, help="Stop after so many minutes.")]
ClusterOption = Annotated[
    Cluster,
    typer.Option(
        help="Cluster the chains of plain files by mmseqs2 or by k-mers. auto: by mmseqs2 if it is installed."
    ),
]
Identity = Annotated[
    float,
    typer.Option(min=0.1, max=1.0, help="Chains with this identity over half of the shorter one are in one cluster."),
]
Templates = Annotated[
    int,
    typer.Option(
        min=0, help="For refinement: so many models a cluster, made of one of its chains on another as template."
    ),
]
MutationData = Annotated[
    Path, typer.Option(exists=True, file_okay=False, help="Folder of a data set with mutations/*.csv.")
]
START = typer.Option("--from", metavar="WEIGHTS", help="Weights to start from: a shipped name or a .safetensors file.")


def residues_option(purpose: str, panel: str | None = None) -> Any:
    """The option --residues of a command: which residues it works on. It may be repeated.

    Parameters
    ----------
    purpose
        What the command does with these residues, for the help.
    panel
        Panel of the help.
    """
    return typer.Option(
        "--residues",
        metavar="SELECTION",
        rich_help_panel=panel,
        help=f"{purpose}: 'A:45-60', 'chain B and within 8 of ligand', 'plddt < 70'. May be repeated to add more.",
    )


def joined_selection(residues: list[str] | None) -> str | None:
    """Join the values of a repeated --residues to one selection.

    Parameters
    ----------
    residues
        Selections, each as `protein_enn.structure.selection.select` takes them.

    Returns
    -------
    str or None
        The union of all; None if there are none.

    Examples
    --------
    >>> joined_selection(["A:45-60", "chain B"])
    'A:45-60, chain B'
    """
    return ", ".join(residues) if residues else None


@dataclass(frozen=True)
class Reading:
    """How a command reads its files. Each field is an option of every command that takes a parameter of this type."""

    model: Annotated[
        int, typer.Option(min=1, rich_help_panel=_READING, help="Number of the model in the file, from 1.")
    ] = 1
    all_models: Annotated[
        bool,
        typer.Option(
            "--all-models",
            rich_help_panel=_READING,
            help="Every model of the file. Results are named NAME_model1 and so on.",
        ),
    ] = False
    assembly: Annotated[
        str | None, typer.Option(rich_help_panel=_READING, help="Build this biological assembly, such as 1.")
    ] = None
    block: Annotated[
        str | None,
        typer.Option(rich_help_panel=_READING, help="Name of the data block, if several blocks of a file hold atoms."),
    ] = None
    lenient: Annotated[
        bool, typer.Option("--lenient", rich_help_panel=_READING, help="Drop and count atoms without coordinates.")
    ] = False
    repair: Annotated[
        bool,
        typer.Option(
            "--repair/--no-repair",
            rich_help_panel=_READING,
            help="Repair or drop single impossible atoms, an error of the audit; else refuse such files.",
        ),
    ] = True
    predicted: Annotated[
        bool | None,
        typer.Option(
            "--predicted/--b-factors",
            rich_help_panel=_READING,
            help="The B-factor column holds pLDDT, or B factors. By default as the file says.",
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
class Sharding:
    """Which of its files a command does, and where it lists those that fail. Options as in `Reading`."""

    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", rich_help_panel=_SHARD, help="Do only shard I of N, such as 3/8. The file name decides."
        ),
    ] = None
    failed: Failed = None
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing",
            rich_help_panel=_SHARD,
            help="Go on with the table of an earlier run: keep its rows, and do files that have none or an error.",
        ),
    ] = False

    def __post_init__(self) -> None:
        self.chosen()

    def chosen(self) -> Shard | None:
        """The shard of the files, None for all; typer.BadParameter if there is no such shard."""
        try:
            return None if self.shard is None else Shard.parse(self.shard)
        except ValueError as error:
            raise typer.BadParameter(f"--shard: {error}") from error


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of dataclasses such as `Reading` as options in place of parameters of these types."""
    own, groups, options = list[inspect.Parameter](), dict[str, tuple[Any, list[str]]](), list[inspect.Parameter]()
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if not is_dataclass(group := parameter.annotation):
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
    precision: str = "float32",
    use: str = "",
) -> Predictor:
    """The predictor a command works with; typer.BadParameter if weights, condition or device cannot be had.

    `use` names the command for the default condition of the weights.
    """
    from protein_enn.predictor import load_predictor

    use_threads(threads)
    try:
        how: dict[str, Any] = {"language": language, "condition": condition, "precision": precision}
        predictor = load_predictor(weights or task, device=device.value, **how)
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
