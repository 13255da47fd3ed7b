"""The commands under their names."""

from __future__ import annotations

import typer

from protein_enn.cli.commands import LazyGroup
from protein_enn.version import __version__

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Refine protein structures and score designs with equivariant graph networks."""


def main() -> None:
    """Entry point of the `protein-enn` program."""
    app()
