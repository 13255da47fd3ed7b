"""`workflow init`: the Snakemake workflow in a folder of the user's own."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from protein_enn.cli.old_spellings import RenamingCommand
from protein_enn.cli.output import stop
from protein_enn.workflow.template import write_template

workflow = typer.Typer(no_args_is_help=True, add_completion=False)


@workflow.callback()
def _workflow() -> None:
    """Start the Snakemake workflow, from structure files to one report."""


@workflow.command(cls=RenamingCommand)
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Folder of the run.")],
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty, over files of the same names.")
    ] = False,
) -> None:
    """Write the workflow into a folder: Snakefile, rules, configurations, profiles and example structures."""
    try:
        written = write_template(folder, force=force)
    except OSError as error:
        stop(str(error))
    typer.echo(f"{len(written)} files in {folder}. Next, the example, which ends with results/report.html:")
    typer.echo(f"    cd {shlex.quote(str(folder))} && snakemake -c2")
    typer.echo("With structures of your own: snakemake -c2 --configfile mine.yaml (docs/how-to/pipeline.md)")
    if find_spec("snakemake") is None:
        typer.echo("Snakemake is not installed here: pip install 'protein-enn[workflow]'", err=True)
