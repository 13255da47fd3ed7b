"""Types and shapes of every call, checked once and prepared at the first call: a third of what jaxtyping's own costs.

`jaxtyping.jaxtyped` checks the arguments twice, before the call and with the result, and prepares both checks when a
function is defined, also of functions that no test calls. Here beartype checks arguments and result in one pass.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype

AXES = jaxtyping.jaxtyped
"""`AXES("context")`: inside, an axis of one name has one length."""
CONF = BeartypeConf(violation_type=jaxtyping.TypeCheckError)


def install() -> None:
    """The import hook of jaxtyping decorates with this instead; before anything of the package is imported."""
    jaxtyping.jaxtyped = lambda *, typechecker: checked  # type: ignore[assignment]


def checked(defined: Any) -> Any:
    """A function, or a dataclass with its `__init__`, that checks its calls."""
    if inspect.isclass(defined):
        if dataclasses.is_dataclass(defined) and "__init__" in vars(defined):
            defined.__init__ = checked(defined.__init__)  # type: ignore[method-assign]
        return defined
    if not getattr(defined, "__annotations__", None):
        return defined
    call: Callable[..., Any] | None = None
    shaped = False

    @functools.wraps(defined)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nonlocal call, shaped
        if call is None:
            call, shaped = prepared(defined)
        if not shaped:
            return call(*args, **kwargs)
        with AXES("context"):
            return call(*args, **kwargs)

    return wrapper


def prepared(function: Callable[..., Any]) -> tuple[Callable[..., Any], bool]:
    """The function with its types checked, and whether shapes are among them."""
    written = function.__annotations__
    hints = {name: evaluated(function, name, hint) for name, hint in written.items()}
    function.__annotations__ = hints
    try:
        return beartype(conf=CONF)(function), any(map(has_shape, hints.values()))
    finally:
        function.__annotations__ = written


def evaluated(function: Callable[..., Any], name: str, hint: Any) -> Any:
    """What an annotation stands for; anything where it names what is imported for type checkers alone."""

    def of_one() -> None: ...

    of_one.__annotations__ = {name: hint}
    try:
        return get_type_hints(of_one, function.__globals__, include_extras=True)[name]
    except Exception:
        return Any


def has_shape(hint: Any) -> bool:
    """Whether an array of jaxtyping is part of a type."""
    return (inspect.isclass(hint) and issubclass(hint, jaxtyping.AbstractArray)) or any(map(has_shape, get_args(hint)))
