"""`certify`: the symmetries that a model promises, measured on the weights at hand."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.completion import weights_named
from protein_enn.cli.options import Device, DeviceOption, Json, Seed, Threads, use_threads
from protein_enn.cli.output import Progress, show_json, stop, write_json, write_text
from protein_enn.io.csv_text import printable

if TYPE_CHECKING:
    from protein_enn.evaluation.equivariance import Certificate
    from protein_enn.structure import Structure

STDOUT = Path("-")
"""As a file: print instead."""


class Precision(StrEnum):
    """What the model computes in."""

    float64 = "float64"
    float32 = "float32"
    bf16 = "bf16"


def certify(
    weights: Annotated[
        list[str] | None,
        typer.Option(
            autocompletion=weights_named,
            help="Shipped weights by name, or a .safetensors file. May be repeated. By default all shipped weights.",
        ),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Measure this encoder, with random weights and default settings, instead of weights."),
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="Number format of the model. bf16 is float32 under bfloat16 autocast.")
    ] = Precision.float32,
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the encoder by torch.compile and report graph breaks.")
    ] = False,
    structure: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Measure on this file. May be repeated. By default the built-in structure.",
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the certificates to this JSON file.")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Write the tables to this Markdown file instead of printing them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how exactly the output follows rotations, translations and permutations of the input.

    Exit status 1 if a limit is exceeded.
    """
    from protein_enn.evaluation.equivariance import certify as certificate_of
    from protein_enn.predictor import shipped

    if weights and encoder is not None:
        raise typer.BadParameter("--weights and --encoder: give one of them")
    if output is not None and output == tables:
        raise typer.BadParameter(f"--output and --tables are one file, {output}")
    use_threads(threads)
    structures = _read(structure)
    subjects: list[str] = [""] if encoder is not None else (weights or shipped())
    found: list[Certificate] = []
    with Progress() as progress:
        for name in subjects:
            try:
                found.append(
                    certificate_of(
                        name,
                        encoder=encoder,
                        precision=precision.value,
                        compile=compile,
                        structures=structures,
                        device=device.value,
                        seed=seed,
                        progress=progress.show,
                    )
                )
            except (ValueError, OSError) as error:
                raise typer.BadParameter(str(error)) from error
    _deliver(found, output, tables, as_json or output == STDOUT)
    failures = [
        f"{one.subject}: {row.name}: {row.error:.1e} > {row.limit:.0e}" for one in found for row in one.failures
    ]
    if failures:
        more = f" and {len(failures) - 1} more" if len(failures) > 1 else ""
        stop(f"{failures[0]}{more}")


def _read(paths: list[Path] | None) -> list[Structure] | None:
    """The structures to measure on, None for those that come with the package."""
    from protein_enn.io import StructureError, read_structure

    if not paths:
        return None
    try:
        return [read_structure(path) for path in paths]
    except (StructureError, OSError) as error:
        raise typer.BadParameter(f"--structure: {error}") from error


def _deliver(found: list[Certificate], output: Path | None, tables: Path | None, as_json: bool) -> None:
    """Print or write tables and JSON."""
    text = "\n".join(one.markdown() for one in found)
    records = [one.to_dict() for one in found]
    if as_json:
        show_json(records)
    if output is not None and output != STDOUT:
        write_json(output, records)
    if tables is not None and tables != STDOUT:
        write_text(tables, text)
    elif not as_json:
        typer.echo("\n".join(printable(line) for line in text.splitlines()))
