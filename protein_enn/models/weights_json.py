"""The JSON of weights: which fields it has, and how older formats are read."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, ValidationError
from torch import Tensor, nn

from protein_enn.manifest import Fields, ManifestError, manifest_error, parse, parse_object
from protein_enn.models import build

FORMAT = 2
"""Version of the files; raised, with an upgrade of the tensors, when their meaning changes."""
REMEDY = "take the JSON that was written with these weights"


class Written(Fields):
    """What says how to read the rest."""

    format: int


class Language(Fields):
    """The language model whose features the weights take."""

    name: str
    sha256: str


class WeightsInfo(Fields):
    """The fields of format 1 and 2 that are read. Others, as metrics and training, are kept as they are."""

    task: str
    config: dict[str, Any]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    architecture: str | None = None
    default_condition: str | None = None
    default_conditions: dict[str, str] = Field(default_factory=dict)
    language: Language | None = None
    metrics: dict[str, Any] = Field(default_factory=dict)


def read_info(text: str | bytes, file: str) -> dict[str, Any]:
    """The JSON of weights, with all its fields.

    Parameters
    ----------
    text
        JSON.
    file
        Name for messages.

    Raises
    ------
    ManifestError
        The text is no JSON, of an unknown format, or a field is missing or has another type.
    """
    written = parse(Written, text, file, REMEDY).format
    if not 1 <= written <= FORMAT:
        raise ManifestError(f"{file}: format {written}, but this version of the package reads 1 to {FORMAT}")
    fields = parse(WeightsInfo, text, file, REMEDY)
    if fields.config.get("language") and fields.language is None:
        raise ManifestError(f"{file}: field language is missing, as config.language is set; {REMEDY}")
    return parse_object(text, file, REMEDY)


def build_of(info: dict[str, Any], file: str) -> nn.Module:
    """A model of the settings in the JSON; ManifestError where a setting or the task is unknown or of another type."""
    try:
        model: nn.Module = build(info["task"], info["config"], info.get("architecture"))
    except ValidationError as error:
        raise manifest_error(error, file, REMEDY, below="config") from error
    except ValueError as error:
        raise ManifestError(f"{file}: {error}; {REMEDY}") from error
    return model


def upgraded(tensors: dict[str, Tensor], written: int) -> dict[str, Tensor]:
    """The tensors of a file of format `written` under the names of the current one.

    In format 1 the first maps of the encoder were its own attributes, not those of `nodes`.
    """
    if written > 1:
        return tensors
    first = re.compile(r"^encoder\.(scalars|odd|vectors)\.")
    return {first.sub(r"encoder.nodes.\1.", name): value for name, value in tensors.items()}
