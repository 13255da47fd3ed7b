"""Options of a command made from a dataclass: what typer is told, what the command gets, how mistakes are named."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from protein_enn.cli.options_from import in_dashes, options_from

RUNNER = CliRunner()


@dataclass(frozen=True)
class Oven:
    """Options of a made-up command."""

    loaves: int = field(default=2, metadata={"min": 1, "help": "How many."})
    max_heat: float | None = field(default=None, metadata={"type": float, "panel": "Heat", "help": "Not above this."})
    recipe: Path | str | None = field(default=None, metadata={"type": Path, "exists": True, "help": "A file."})
    with_salt: bool = field(default=False, metadata={"help": "Salt it."})

    def check(self) -> None:
        if self.max_heat is not None and self.max_heat < 0:
            raise ValueError(f"`max_heat` is {self.max_heat:g} for `loaves` of `rye`")


got: list[tuple[str, Oven]] = []


@options_from(Oven)
def bake(name: str, oven: Oven, loud: bool = False) -> None:
    """Bake it."""
    got.append((name, oven))


@pytest.fixture
def app() -> typer.Typer:
    got.clear()
    made = typer.Typer()
    made.command()(bake)
    return made


def test_the_command_gets_the_dataclass(app: typer.Typer) -> None:
    assert RUNNER.invoke(app, ["bread", "--loaves", "3", "--max-heat", "200", "--with-salt"]).exit_code == 0
    assert RUNNER.invoke(app, ["bread"]).exit_code == 0
    assert got == [("bread", Oven(loaves=3, max_heat=200.0, with_salt=True)), ("bread", Oven())]


def test_typer_is_told_what_the_fields_say(app: typer.Typer) -> None:
    params: dict[str, Any] = {param.name: param for param in typer.main.get_command(app).params if param.name}
    assert list(params)[:6] == ["name", "loaves", "max_heat", "recipe", "with_salt", "loud"]
    assert [params[name].help for name in ("loaves", "max_heat")] == ["How many.", "Not above this."]
    assert params["max_heat"].rich_help_panel == "Heat" and params["loaves"].rich_help_panel is None
    assert params["with_salt"].opts == ["--with-salt"] and not params["with_salt"].secondary_opts
    assert params["loaves"].default == 2 and params["max_heat"].default is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--loaves", "0"], "--loaves"),
        (["--recipe", "nowhere.txt"], "nowhere.txt"),
        (["--max-heat", "-5"], "--max-heat is -5 for --loaves of `rye`"),
    ],
)
def test_a_mistake_is_a_usage_error_that_names_the_option(app: typer.Typer, arguments: list[str], message: str) -> None:
    result = RUNNER.invoke(app, ["bread", *arguments])
    assert result.exit_code == click.UsageError.exit_code
    assert message in " ".join(result.output.replace("│", " ").split()) and not got


def test_only_options_are_written_with_dashes() -> None:
    assert in_dashes("`with_salt` and `salt`: no `max_heat`", Oven) == "--with-salt and `salt`: no --max-heat"


def test_an_option_may_have_another_name_on_the_command_line() -> None:
    from protein_enn.refinement.options import RefineOptions

    assert in_dashes("`region` and `max_seconds`", RefineOptions) == "--residues and --max-seconds"
