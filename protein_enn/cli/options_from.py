"""The options of a command from a dataclass that declares each of them once, for Python and the command line alike.

A field is an option by name. Its metadata holds arguments of `typer.Option` (`help`, `metavar`, `min`, `exists`, ...),
with three more: `option` is its name on the command line where that is another, `panel` the panel of the help, and
`type` the type on the command line, needed where the default is None or Python takes more types than a command line
can give.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from typing import Annotated, Any

import typer

Command = Callable[..., None]


def options_from(kind: type[Any]) -> Callable[[Command], Command]:
    """A decorator: the options of a dataclass in place of a command's parameter of that type.

    Parameters
    ----------
    kind
        The dataclass. Its `check()` raises ValueError for values that cannot be meant, with the names of options in
        backquotes; on the command line that is a usage error, in which `max_seconds` is written --max-seconds.

    Returns
    -------
    Callable
        Makes of a command with one parameter of type `kind` a command that typer understands.
    """

    def expand(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        (target,) = [parameter.name for parameter in own if parameter.annotation is kind]
        parameters: list[inspect.Parameter] = []
        for parameter in own:
            if parameter.name == target:
                parameters += [_parameter(field) for field in fields(kind)]
            else:
                parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

        @wraps(command)
        def expanded(**given: Any) -> None:
            options = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            try:
                options.check()
            except ValueError as error:
                raise typer.BadParameter(in_dashes(str(error), kind)) from error
            command(**{target: options}, **given)

        expanded.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        expanded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return expanded

    return expand


def in_dashes(message: str, kind: type[Any]) -> str:
    """A message with each option of the dataclass as it is written on the command line: `max_seconds` as --max-seconds.

    Parameters
    ----------
    message
        Names of options stand in backquotes.
    kind
        The dataclass of the options.
    """
    names = {field.name: dashes(field) for field in fields(kind)}
    return re.sub(r"`(\w+)`", lambda found: names.get(found[1], found[0]), message)


def dashes(field: Field[Any]) -> str:
    """The option of a field: --max-seconds for max_seconds, unless its metadata names another."""
    return str(field.metadata.get("option") or f"--{field.name.replace('_', '-')}")


def _parameter(field: Field[Any]) -> inspect.Parameter:
    """A parameter that typer makes the option of a field of."""
    arguments = {key: value for key, value in field.metadata.items() if key != "option"}
    kind: Any = arguments.pop("type", type(field.default))
    kind = kind | None if field.default is None else kind
    option = typer.Option(dashes(field), rich_help_panel=arguments.pop("panel", None), **arguments)
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=Annotated[kind, option]
    )
