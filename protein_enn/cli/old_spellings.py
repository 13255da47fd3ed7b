"""Old spellings of options: each still works in this version, and says on standard error what it is called now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class OldSpelling:
    """An option that was renamed.

    Parameters
    ----------
    command
        The command without the name of the program, such as `evaluate design`.
    old
        The old name. A word behind it stands for its value (`--from SOURCE`). A name without dashes is an argument.
    new
        The new name, with its value. It is empty for an option that had no effect.
    """

    command: str
    old: str
    new: str

    @property
    def name(self) -> str:
        """The old name without its value."""
        return self.old.partition(" ")[0]

    @property
    def takes_value(self) -> bool:
        return " " in self.old

    @property
    def note(self) -> str:
        """What the user is told."""
        return f"{self.old} is now called {self.new}" if self.new else f"{self.name} has no effect here: leave it out"

    def renamed(self, piece: Sequence[str]) -> list[str]:
        """The same option under its new name.

        Parameters
        ----------
        piece
            The option as it was given: `--old`, `--old VALUE` or `--old=VALUE`.

        Returns
        -------
        list of str
            `--new`, `--new VALUE` or `--new=VALUE`; empty for an option that had no effect.
        """
        name = self.new.partition(" ")[0]
        if not self.name.startswith("-"):
            return [name, *piece]
        _, equals, value = piece[0].partition("=")
        return [f"{name}{equals}{value}", *piece[1:]] if name else []


_WITHOUT_EFFECT = {
    "evaluate design": ("--steps N", "--gdt", "--no-gdt"),
    "evaluate refinement": ("--orders N", "--decode", "--no-decode"),
    "evaluate mutations": ("--orders N", "--decode", "--no-decode", "--steps N", "--gdt", "--no-gdt"),
}
TASK_FIRST = "the name of the task comes first now: protein-enn evaluate TASK [OPTIONS]"
OLD_SPELLINGS = (
    OldSpelling("audit", "--select SELECTION", "--residues SELECTION"),
    OldSpelling("refine", "--region SELECTION", "--residues SELECTION"),
    OldSpelling("score", "--designed SELECTION", "--residues SELECTION"),
    OldSpelling("design", "--only SELECTION", "--residues SELECTION"),
    OldSpelling("scan", "--mutation MUTATIONS", "--mutant MUTATIONS"),
    OldSpelling("scan", "--mutants FILE", "--mutant-file FILE"),
    OldSpelling("validate", "--per-residue FILE", "--records FILE"),
    OldSpelling("fetch", "--from SOURCE", "--source SOURCE"),
    OldSpelling("certify", "--json FILE", "--output FILE"),
    OldSpelling("certify", "--markdown FILE", "--tables FILE"),
    OldSpelling("embed", "--weights CHECKPOINT", "--language-weights CHECKPOINT"),
    OldSpelling("label", "--workers N", "--processes N"),
    OldSpelling("train", "--data STORE", "--store STORE"),
    OldSpelling("finetune", "--data FOLDER", "--ddg-folder FOLDER"),
    OldSpelling("finetune", "--positive-stabilises", "--positive-stabilizes"),
    OldSpelling("calibrate", "WEIGHTS", "--weights WEIGHTS"),
    OldSpelling("evaluate design", "--table FILE", "--cases FILE"),
    OldSpelling("evaluate design", "--proteins FILE", "--cases FILE"),
    OldSpelling("evaluate refinement", "--table FILE", "--cases FILE"),
    OldSpelling("evaluate refinement", "--proteins FILE", "--cases FILE"),
    *(OldSpelling(command, old, "") for command, names in _WITHOUT_EFFECT.items() for old in names),
)


class RenamingCommand(TyperCommand):
    """A command that takes old spellings of its options as well; its help does not list them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments under their new names."""
        path = command_path(ctx)
        spellings = [one for one in OLD_SPELLINGS if one.command == path]
        renamed, notes = with_new_names(args, self.params, spellings)
        _tell(ctx, notes)
        return super().parse_args(ctx, renamed)


class TaskGroup(TyperGroup):
    """A group of commands whose name may stand behind the options, as in `evaluate --data DATA design`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments with the name of the command first."""
        parameters = [parameter for command in self.commands.values() for parameter in command.params]
        spellings = [one for one in OLD_SPELLINGS if one.command.startswith(f"{command_path(ctx)} ")]
        pieces = list(in_pieces(args, parameters, spellings))
        at = next((i for i, piece in enumerate(pieces) if piece[0] in self.commands), 0)
        if at:
            pieces.insert(0, pieces.pop(at))
            _tell(ctx, [TASK_FIRST])
        return super().parse_args(ctx, [word for piece in pieces for word in piece])


def command_path(context: Any) -> str:
    """The name of a command without that of the program, such as `evaluate design`.

    Parameters
    ----------
    context
        The context of typer in which the command is parsed.
    """
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, context.info_name)
        context = context.parent
    return " ".join(names)


def with_new_names(
    args: Sequence[str], parameters: Iterable[Any], spellings: Sequence[OldSpelling]
) -> tuple[list[str], list[str]]:
    """Replace old spellings in the arguments of a command.

    Parameters
    ----------
    args
        The arguments as given, without the name of the command.
    parameters
        The parameters of the command, as typer declares them.
    spellings
        The old spellings of this command.

    Returns
    -------
    tuple of list of str
        The arguments under their new names, and a note for each old spelling among them.
    """
    by_name = {one.name: one for one in spellings}
    argument = next((one for one in spellings if not one.name.startswith("-")), None)
    words: list[str] = []
    notes: dict[str, None] = {}
    for piece in in_pieces(args, parameters, spellings):
        name, equals, _ = piece[0].partition("=")
        spelling = by_name.get(name) if name.startswith("--") else argument if _is_value(piece[0]) else None
        if spelling is not None and spelling.takes_value and not equals and len(piece) == 1:
            spelling = None  # `--json` without a value is the new one
        words += piece if spelling is None else spelling.renamed(piece)
        notes |= {} if spelling is None else {spelling.note: None}
    return words, list(notes)


def in_pieces(args: Sequence[str], parameters: Iterable[Any], spellings: Iterable[OldSpelling]) -> Iterator[list[str]]:
    """Group the arguments of a command, in order.

    Parameters
    ----------
    args
        The arguments as given.
    parameters
        The parameters of the command, as typer declares them.
    spellings
        Old spellings, some of which take a value.

    Yields
    ------
    list of str
        An option with its value if it takes one, an argument by itself, or `--` with all that follows.
    """
    options = [one for one in parameters if one.param_type_name == "option"]
    flags = {name for one in options if one.is_flag for name in one.opts}
    takers = {name for one in options if not one.is_flag for name in one.opts}
    takers |= {one.name for one in spellings if one.takes_value and one.name.startswith("-")}
    left = list(args)
    while left:
        word = left.pop(0)
        if word == "--":
            yield [word, *left]
            return
        with_value = word in takers and bool(left) and (word not in flags or _is_value(left[0]))
        yield [word, left.pop(0)] if with_value else [word]


def _is_value(word: str) -> bool:
    """Whether an argument is no option; "-" is standard input or output."""
    return word == "-" or not word.startswith("-")


def _tell(context: Any, notes: Sequence[str]) -> None:
    """Print the notes, unless a shell asks for completions."""
    if not context.resilient_parsing:
        for note in notes:
            typer.echo(note, err=True)
