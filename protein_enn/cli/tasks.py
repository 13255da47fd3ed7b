"""`evaluate`: a command for each task."""

from __future__ import annotations

import typer

from protein_enn.cli import confidence, evaluation, potential
from protein_enn.cli.old_spellings import RenamingCommand, TaskGroup
from protein_enn.cli.options import with_option_groups

evaluate = typer.Typer(
    cls=TaskGroup,
    help="Measure a predictor on data with known answers: a command for each task.",
    no_args_is_help=True,
    add_completion=False,
)
for task in (evaluation.design, evaluation.refinement, evaluation.mutations, evaluation.packing):
    evaluate.command(cls=RenamingCommand)(with_option_groups(task))
evaluate.command("confidence", cls=RenamingCommand)(with_option_groups(confidence.evaluate))
evaluate.command("potential", cls=RenamingCommand)(with_option_groups(potential.evaluate))
