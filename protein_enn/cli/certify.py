"""`certify`: the symmetries that a model promises, measured on the weights at hand."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.completion import weights_named
from protein_enn.cli.options import Device, DeviceOption, Seed, Threads, use_threads
from protein_enn.cli.output import Progress, printable, show_json, stop, write_json, write_text

if TYPE_CHECKING:
    from protein_enn.evaluation.equivariance import Certificate
    from protein_enn.structure import Structure

STDOUT = Path("-")


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
            help="Shipped weights or a .safetensors file; may be repeated. All shipped ones by default.",
        ),
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="An encoder with random weights and default settings instead.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="bf16: float32 under bfloat16 autocast.")] = Precision.float32,
    compile: Annotated[
        bool, typer.Option("--compile", help="Run the encoder through torch.compile and report graph breaks.")
    ] = False,
    structure: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Measure on this file; may be repeated. Default: built in."),
    ] = None,
    device: DeviceOption = Device.auto,
    threads: Threads = None,
    seed: Seed = 0,
    json: Annotated[
        Path | None, typer.Option(help="Write the certificates as JSON to this file; - prints them.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write the tables to this file instead of printing them.")
    ] = None,
) -> None:
    """Measure how exactly outputs turn, move and permute with the input; exit status 1 if a limit is exceeded."""
    from protein_enn.evaluation.equivariance import certify as certificate_of
    from protein_enn.predictor import shipped

    if weights and encoder is not None:
        raise typer.BadParameter("--weights and --encoder: give one of them")
    if json is not None and json == markdown:
        raise typer.BadParameter("--json and --markdown name the same place")
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
    _deliver(found, json, markdown)
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


def _deliver(found: list[Certificate], json: Path | None, markdown: Path | None) -> None:
    """Print or write tables and JSON."""
    tables = "\n".join(one.markdown() for one in found)
    records = [one.to_dict() for one in found]
    if json == STDOUT:
        show_json(records)
    elif json is not None:
        write_json(json, records)
    if markdown is not None and markdown != STDOUT:
        write_text(markdown, tables)
    elif json != STDOUT:
        typer.echo("\n".join(printable(line) for line in tables.splitlines()))
