"""The table of the commands, and the group that imports the module of a command when that command is called.

The list of commands in `protein-enn --help` is made from the table alone.
"""

from __future__ import annotations

import copy
from collections import UserDict
from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup


class Entry(NamedTuple):
    """A command: its function, or its `typer.Typer`, by module and name inside `protein_enn.cli`, and its help."""

    path: str
    help: str


COMMANDS = {
    "audit": Entry("audit.audit", "Say what was read, chosen, dropped and found."),
    "refine": Entry(
        "refinement.refine",
        "Refine models: DIR/NAME.<format>, DIR/NAME.refinement.json for each file, and DIR/refine.csv.",
    ),
    "score": Entry("scoring.score", "Score the sequence of each structure by its log-likelihood given the backbone."),
    "scan": Entry(
        "scanning.scan",
        "Score every single mutation, or only named mutants: log-odds of the new residue over the present one.",
    ),
    "design": Entry("designing.design", "Sample new sequences for backbones."),
    "pack": Entry(
        "packing.pack", "Pack side chains: DIR/NAME.<format> and DIR/NAME.packing.json for each file, and DIR/pack.csv."
    ),
    "rank": Entry(
        "ranking.rank",
        "Rank designs, the best log-likelihood first: TABLE.csv, and beside it .columns.json, .svg and .html.",
    ),
    "validate": Entry("validation.validate", "Count clashes, covalent, Ramachandran, rotamer and chirality outliers."),
    "fetch": Entry(
        "fetching.fetch",
        "Fetch structure files from the Protein Data Bank, the AlphaFold database, a mirror or a folder.",
    ),
    "certify": Entry(
        "certify.certify",
        "Measure how exactly the output follows rotations, translations and permutations of the input.",
    ),
    "prepare": Entry(
        "pipeline.prepare",
        "Make a training store from structure files, or from one folder with chains.tsv (and decoys.tsv).",
    ),
    "embed": Entry(
        "embedding.embed",
        "Compute features of a protein language model for masked sequences, for `train --embeddings`.",
    ),
    "label": Entry(
        "labeling.label",
        "Label each chain of a store with the predictions of a teacher under three views, for `train --labels`.",
    ),
    "decoys": Entry(
        "confidence.decoys",
        "Make a store of real and made models with the quality of their residues, to train a confidence on.",
    ),
    "frames": Entry(
        "frames.frames",
        "Make a store of energies and forces of GFN2-xTB for capped amino acids and dipeptides (experimental).",
    ),
    "train": Entry("pipeline.train", "Train a predictor."),
    "finetune": Entry("finetuning.finetune", "Fine-tune weights on structures or on measured mutations."),
    "calibrate": Entry(
        "calibration.calibrate",
        "Fit the slope from ddg_like in nats to -ddG in kcal/mol, and write it to the JSON file of the weights.",
    ),
    "report": Entry(
        "pipeline.report",
        "Make one self-contained HTML page of the outputs of the other commands, given as files or folders.",
    ),
    "doctor": Entry("doctor.doctor", "Check libraries, devices, weights and folders, and try a refinement."),
    "evaluate": Entry("tasks.evaluate", "Measure a predictor on data with known answers: a command for each task."),
    "workflow": Entry("workflow.workflow", "Start the Snakemake workflow, from structure files to one report."),
}
"""In the order of the help."""


class Commands(UserDict[str, Any]):
    """The commands by name; the module of a command is imported when it is taken out."""

    def __getitem__(self, name: str) -> Any:
        if isinstance(entry := super().__getitem__(name), Entry):
            self.data[name] = loaded(name, entry)
        return self.data[name]


class LazyGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = Commands(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help of the program, with the commands as in the table."""
        super(LazyGroup, self._table()).format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """What a shell offers for the name of a command."""
        return super(LazyGroup, self._table()).shell_complete(ctx, incomplete)

    def _table(self) -> LazyGroup:
        """This group with names and helps alone in place of the commands."""
        group = copy.copy(self)
        group.commands = {name: TyperCommand(name, help=entry.help) for name, entry in COMMANDS.items()}
        return group


def loaded(name: str, entry: Entry) -> Any:
    """A command or a group of commands, as typer makes it of the function or the `typer.Typer` of an entry."""
    from protein_enn.cli.old_spellings import RenamingCommand
    from protein_enn.cli.options import with_option_groups

    module, attribute = entry.path.split(".")
    found = getattr(import_module(f"protein_enn.cli.{module}"), attribute)
    if not isinstance(found, typer.Typer):
        made = typer.Typer(add_completion=False)
        made.command(name, cls=RenamingCommand)(with_option_groups(found))
        found = made
    command = typer.main.get_command(found)
    command.name = name
    return command
