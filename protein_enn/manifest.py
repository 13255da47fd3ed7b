"""JSON that this package writes beside its data, read by a schema: the file, the field and what is expected there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

LONGEST_VALUE = 40
"""Characters of a wrong value in a message."""
T = TypeVar("T")


class ManifestError(ValueError):
    """A file that this package wrote is damaged: no JSON, or a field is missing or of another type."""


class Fields(BaseModel):
    """The fields of a manifest. Types are taken as they are: "4" is no number. Further fields are left alone."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class Version(Fields):
    """What says how to read the rest."""

    version: int


def parse(kind: type[T], text: str | bytes, file: str | Path, remedy: str) -> T:
    """The content of a JSON text.

    Parameters
    ----------
    kind
        The type with the fields: a subclass of Fields, a dataclass, or `dict[str, Any]`.
    text
        JSON.
    file
        Name for messages.
    remedy
        What to do about a damaged file, for messages: "prepare it again".

    Raises
    ------
    ManifestError
        The text is no JSON, or a field is missing or has another type.

    Examples
    --------
    >>> class Shard(Fields):
    ...     file: str
    >>> parse(Shard, '{"file": 4}', "x.json", "prepare it again")
    Traceback (most recent call last):
    protein_enn.manifest.ManifestError: x.json: field file: input should be a valid string, not 4; prepare it again
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise manifest_error(error, file, remedy) from error


def parse_object(text: str | bytes, file: str | Path, remedy: str) -> dict[str, Any]:
    """The object of a JSON text, whatever its fields; ManifestError for anything else."""
    parse(dict, text, file, remedy)
    try:
        return dict(json.loads(text))
    except ValueError as error:  # numbers of more digits than Python reads
        raise ManifestError(f"{file}: no JSON ({error}); {remedy}") from error


def manifest_error(error: ValidationError, file: str | Path, remedy: str, below: str = "") -> ManifestError:
    """The first fault of a validation, as one line; `below` is the field that was validated."""
    first = error.errors(include_url=False, include_context=False)[0]
    what, value = first["msg"].removeprefix("Value error, "), first["input"]
    if first["type"] in ("model_type", "dict_type", "dataclass_type"):
        what = "input should be an object"
    place = ".".join(str(part) for part in (below, *first["loc"]) if part != "")
    if first["type"] == "json_invalid":
        return ManifestError(f"{file}: {what}; {remedy}")
    if first["type"] == "missing":
        return ManifestError(f"{file}: field {place} is missing; {remedy}")
    shown = type(value).__name__ if isinstance(value, dict | list) else ascii(value)
    shown = shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}..."
    where = f"{file}: field {place}" if place else f"{file}"
    return ManifestError(f"{where}: {what[:1].lower()}{what[1:]}, not {shown}; {remedy}")
