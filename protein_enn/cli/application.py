"""The commands under their names."""

from __future__ import annotations

import typer

from protein_enn.cli import confidence, evaluation
from protein_enn.cli.audit import audit
from protein_enn.cli.calibration import calibrate
from protein_enn.cli.certify import certify
from protein_enn.cli.designing import design
from protein_enn.cli.doctor import doctor
from protein_enn.cli.embedding import embed
from protein_enn.cli.fetching import fetch
from protein_enn.cli.finetuning import finetune
from protein_enn.cli.labeling import label
from protein_enn.cli.old_spellings import RenamingCommand, TaskGroup
from protein_enn.cli.options import with_option_groups
from protein_enn.cli.packing import pack
from protein_enn.cli.pipeline import prepare, report, train
from protein_enn.cli.ranking import rank
from protein_enn.cli.refinement import refine
from protein_enn.cli.scanning import scan
from protein_enn.cli.scoring import score
from protein_enn.cli.validation import validate
from protein_enn.version import __version__

app = typer.Typer(
    help="Refine protein structures and score designs with equivariant graph networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for reader in (audit, refine, score, scan, design, pack, rank, validate):
    app.command(cls=RenamingCommand)(with_option_groups(reader))
for command in (fetch, certify, prepare, embed, label, confidence.decoys, train, finetune, calibrate, report, doctor):
    app.command(cls=RenamingCommand)(command)
tasks = typer.Typer(
    help="Measure a predictor on data with known answers: a command for each task.", no_args_is_help=True
)
for task in (evaluation.design, evaluation.refinement, evaluation.mutations, evaluation.packing):
    tasks.command(cls=RenamingCommand)(task)
tasks.command("confidence", cls=RenamingCommand)(confidence.evaluate)
app.add_typer(tasks, name="evaluate", cls=TaskGroup)


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
