"""`fetch`: structure files by their ids."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from protein_enn.cli.options import Failed
from protein_enn.cli.output import Progress, check_writable, stop, writing
from protein_enn.io.csv_text import printable
from protein_enn.io.formats.table import endings

if TYPE_CHECKING:
    from protein_enn.io.fetch import Identifier, Outcome, RetryPolicy

SHOWN = 20
"""Failures that are listed on standard error at the end; the rest are counted."""
_PANEL = "How a server is asked"


Format = StrEnum("Format", [(ending, ending) for ending in endings()])  # type: ignore[misc]
"""What the files are in: each of `io.formats.table.FORMATS`, packed or not."""


def fetch(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID", help="PDB ids, UniProt accessions, AlphaFold ids (AF-P12345-F1), or @LIST: a file of them."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", file_okay=False, help="Folder for files and fetched.tsv.")],
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="SOURCE",
            help="pdb, afdb, an address (https://...) or a folder. It may contain {id}, {ID}, {middle}, {format} and "
            "others. By default the database of each id.",
        ),
    ] = None,
    format: Annotated[
        Format, typer.Option(help="Format of the files. They are compressed or decompressed if need be.")
    ] = Format["cif.gz"],
    failed: Failed = None,
    link: Annotated[
        bool, typer.Option("--link", help="From a folder: make hard links if possible, not copies.")
    ] = False,
    connections: Annotated[
        int, typer.Option(min=1, max=8, rich_help_panel=_PANEL, help="So many transfers at the same time.")
    ] = 2,
    delay: Annotated[
        float, typer.Option(min=0.0, rich_help_panel=_PANEL, help="Seconds between the starts of two requests.")
    ] = 0.1,
    retries: Annotated[
        int, typer.Option(min=0, max=20, rich_help_panel=_PANEL, help="Try so often again after a temporary failure.")
    ] = 4,
    timeout: Annotated[
        float, typer.Option(min=0.1, rich_help_panel=_PANEL, help="Give up after so many seconds without data.")
    ] = 60.0,
    max_size: Annotated[
        int, typer.Option(min=1, max=1024, rich_help_panel=_PANEL, help="Take no file larger than so many MiB.")
    ] = 1024,
) -> None:
    """Fetch structure files from the Protein Data Bank, the AlphaFold database, a mirror or a folder.

    A run that was stopped goes on if it is started again: whole files in the folder are kept.
    """
    from protein_enn.io.fetch import RetryPolicy

    if failed is not None:
        check_writable(failed)
    policy = RetryPolicy(connections, delay, retries, timeout, max_size << 20)
    entries, refused = _identifiers(ids)
    outcome = _run(entries, source, output, format.value, policy, link)
    failures = {**refused, **outcome.failures}
    typer.echo(
        f"{len(outcome.fetched)} fetched, {len(outcome.kept)} kept, {len(failures)} failed: {output / 'fetched.tsv'}"
    )
    shown = failures if sys.stderr.isatty() else refused  # a bar is gone with its lines; plain lines stand there
    _finish(failures, list(shown), failed)


def _identifiers(ids: list[str]) -> tuple[list[Identifier], dict[str, str]]:
    from protein_enn.io.fetch import read_identifiers

    try:
        entries, refused = read_identifiers(ids)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"a list of ids cannot be read: {error}") from error
    if not entries and not refused:
        raise typer.BadParameter(f"no id in {', '.join(ids)}; give one, or a list with one a line")
    return entries, refused


def _run(
    entries: list[Identifier], source: str | None, output: Path, format: str, policy: RetryPolicy, link: bool
) -> Outcome:
    from protein_enn.io.fetch import fetch as fetch_all
    from protein_enn.io.fetch import source_of

    try:
        origin = source_of(source)
    except ValueError as error:
        raise typer.BadParameter(f"--source {error}") from error
    with Progress(len(entries)) as progress, writing(output):
        try:
            return fetch_all(
                entries, origin, output, format=format, policy=policy, link=link, progress=progress.advance
            )
        except ValueError as error:
            stop(str(error))


def _finish(failures: dict[str, str], shown: list[str], failed: Path | None) -> None:
    """List what failed, and say it of those to be shown; exit status 1 where no file was named for them."""
    from protein_enn.io.failures import write_failures

    if failed is not None:
        with writing(failed):
            write_failures(failed, failures.items())
    for name in shown[:SHOWN]:
        typer.echo(printable(f"{name}: {failures[name]}"), err=True)
    if len(shown) > SHOWN:
        where = f": see {failed}" if failed is not None else "; --failed FILE.tsv lists all"
        typer.echo(f"and {len(shown) - SHOWN} more{where}", err=True)
    if failures and failed is None:
        raise typer.Exit(1)
