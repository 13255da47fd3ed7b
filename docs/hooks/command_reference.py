"""The page of the command line, made from the commands themselves, so that it cannot say what they do not.

python docs/hooks/command_reference.py    prints it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

INTRODUCTION = """# Commands

Made from the program: `protein-enn COMMAND --help` says the same. Answers go to standard output, progress and
complaints to standard error. Exit status 0: all went well; 1: something could not be done, and its row says what;
2: the command was not understood.
"""


def markdown() -> str:
    """The whole page: a section for each command, a table for each group of its options."""
    import typer

    from protein_enn.cli import app

    program: Any = typer.main.get_command(app)
    return "\n".join([INTRODUCTION, *(section(name, command) for name, command in commands(program))])


def commands(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its name; those of a group as `evaluate design`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def section(name: str, command: Any) -> str:
    """What a command is for, how it is called and what its options mean."""
    with command.make_context(name, [], resilient_parsing=True) as context:
        usage = " ".join(piece.strip("{}").replace("}...", "") for piece in command.collect_usage_pieces(context))
        groups: dict[str, list[str]] = {}
        for parameter in command.params:
            if (record := parameter.get_help_record(context)) is not None and not parameter.hidden:
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                groups.setdefault(parameter.rich_help_panel or kind, []).append(
                    f"| `{record[0]}` | {cell(record[1])} |"
                )
    parts = [f"## {name}", "", linked(escaped(command.help or "")), "", f"    protein-enn {name} {usage}", ""]
    for group, rows in groups.items():
        parts += [f"| {group} | |", "|---|---|", *rows, ""]
    return "\n".join(parts)


def cell(text: str) -> str:
    return linked(escaped(text)).replace("|", "\\|").replace("\n", " ")


def escaped(text: str) -> str:
    """Help as plain text as Markdown that shows the same text."""
    return re.sub(r"([*_\[\]])", r"\\\1", text).replace("<", "&lt;")


def linked(text: str) -> str:
    """Mentions of pages of docs/ as links."""
    return re.sub(r"docs/([\w\\/-]+)\.md", lambda match: f"[{match[0]}](../{match[1]}.md)".replace("\\", ""), text)


if __name__ == "__main__":
    print(markdown())
