"""What commands that pack side chains share: their options, and how packed structures are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.completion import weights_named
from protein_enn.cli.options import Device, predictor_for

if TYPE_CHECKING:
    from protein_enn.predictor import Predictor

PackingWeights = Annotated[
    str | None,
    typer.Option(
        autocompletion=weights_named,
        help="Weights that pack side chains: shipped weights by name, or a .safetensors file. By default the shipped "
        "ones.",
    ),
]
PACKER_COLUMNS = ("packing_weights", "packing_weights_sha256")


def packer_for(weights: str | None, threads: int | None) -> Predictor:
    """The predictor that packs side chains, on the CPU; typer.BadParameter if its weights cannot be had."""
    return predictor_for("packing", weights, Device.cpu, threads)


def packer_row(packer: Predictor | None) -> dict[str, str | None]:
    """Which weights packed, for a table; None where none did."""
    values = (None, None) if packer is None else (packer.name, packer.sha256)
    return dict(zip(PACKER_COLUMNS, values, strict=True))


def check_structure_options(
    structures: Path | None, probabilities: bool, backbone_only: bool, packing_weights: str | None
) -> None:
    """typer.BadParameter for options of structures that are not written, or not packed."""
    given = {"--probabilities": probabilities, "--backbone-only": backbone_only, "--packing-weights": packing_weights}
    for option, value in given.items():
        if value and structures is None:
            raise typer.BadParameter(f"{option} is about the files of --structures: give --structures FOLDER as well")
    if backbone_only and packing_weights:
        raise typer.BadParameter("--backbone-only packs nothing: leave out --packing-weights")
