"""`evaluate`: a command for each task."""

from __future__ import annotations

import typer

from protein_enn.cli import confidence, evaluation, potential
from protein_enn.cli.old_spellings import RenamingCommand, TaskGroup

evaluate = typer.Typer(
    cls=TaskGroup,
    help="Measure a predictor on data with known answers: a command for each task.",
    no_args_is_help=True,
    add_completion=False,
)
for task in (evaluation.design, evaluation.refinement, evaluation.mutations, evaluation.packing):
    evaluate.command(cls=RenamingCommand)(task)
evaluate.command("confidence", cls=RenamingCommand)(confidence.evaluate)
evaluate.command("potential", cls=RenamingCommand)(potential.evaluate)
