"""Types and shapes of every call, checked once and prepared at the first call: a third of what jaxtyping's own costs.

`jaxtyping.jaxtyped` checks the arguments twice, before the call and with the result, and prepares both checks when a
function is defined, also of functions that no test calls. Here beartype checks arguments and result in one pass, and
an array that fits is known by a look at its type and lengths; jaxtyping itself looks at all others.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import jaxtyping
from beartype import BeartypeConf, beartype
from jaxtyping import _array_types as arrays
from jaxtyping._storage import get_shape_memo, pop_shape_memo, push_shape_memo

IS_ARRAY = type(jaxtyping.AbstractArray).__instancecheck__
"""What jaxtyping itself does for `isinstance`."""
PLAIN: dict[tuple[type, type, Any], tuple[str | int | None, ...] | None] = {}
"""`plain_axes`, by annotation, type and dtype of the array."""
CONF = BeartypeConf(violation_type=jaxtyping.TypeCheckError)


def install() -> None:
    """The import hook of jaxtyping decorates with this instead; before anything of the package is imported."""
    jaxtyping.jaxtyped = lambda *, typechecker: checked  # type: ignore[assignment]
    setattr(type(jaxtyping.AbstractArray), "__instancecheck__", is_array)  # noqa: B010


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
        push_shape_memo({})  # inside, an axis of one name has one length
        try:
            return call(*args, **kwargs)
        finally:
            pop_shape_memo()

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


def is_array(annotation: Any, value: Any) -> bool:
    """As jaxtyping does it, with its lengths of axes; that which does not fit at once is left to it."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return IS_ARRAY(annotation, value)
    key = annotation, type(value), dtype
    if key not in PLAIN:
        PLAIN[key] = plain_axes(annotation, value)
    axes = PLAIN[key]
    if axes is None or len(axes) != value.ndim:
        return IS_ARRAY(annotation, value)
    lengths = get_shape_memo()[0]
    added = []
    for axis, length in zip(axes, value.shape, strict=True):
        known = lengths.get(axis) if type(axis) is str else length if axis is None else axis
        if known is None:
            lengths[axis] = length
            added.append(axis)
        elif known != length:
            for name in added:
                del lengths[name]
            return IS_ARRAY(annotation, value)
    return True


def plain_axes(annotation: Any, value: Any) -> tuple[str | int | None, ...] | None:
    """Names, lengths and None for any, of the axes of an annotation; None where there are others (`*batch`, `n+1`), or
    the value has another type or dtype."""
    if not IS_ARRAY(annotation.dtype[annotation.array_type, "..."], value):
        return None
    axes: list[str | int | None] = []
    for dim in annotation.dims:
        if dim is arrays._anonymous_dim:
            axes.append(None)
        elif type(dim) is arrays._FixedDim and not dim.broadcastable:
            axes.append(dim.size)
        elif type(dim) is arrays._NamedDim and not dim.broadcastable and not dim.treepath:
            axes.append(dim.name)
        else:
            return None
    return tuple(axes)
