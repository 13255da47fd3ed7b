"""The table of commands agrees with the modules of the commands, and is all that the help of the program imports."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
import typer

from protein_enn.cli import app
from protein_enn.cli.commands import COMMANDS
from protein_enn.version import __version__


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_agrees_with_the_command(name: str) -> None:
    program: Any = typer.main.get_command(app)
    command = program.commands[name]
    assert command.name == name
    text = " ".join(inspect.cleandoc(command.help).split("\n\n")[0].split())
    assert f"{text} ".startswith(f"{COMMANDS[name].help} ") and COMMANDS[name].help.endswith(".")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('LOADED', *(n for n in sys.modules if n.startswith('protein_enn.'))))\n"
        f"sys.argv = ['protein-enn', *{arguments}]\n"
        "runpy.run_module('protein_enn', run_name='__main__')"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_the_help_of_the_program_lists_all_commands_and_imports_none() -> None:
    text, modules = run("--help").stdout.split("LOADED")
    assert all(f" {name} " in text for name in COMMANDS) and "Measure a predictor" in text
    assert not {f"protein_enn.cli.{entry.path.split('.')[0]}" for entry in COMMANDS.values()} & {*modules.split()}


def test_a_command_imports_no_other_one() -> None:
    modules = run("doctor", "--help").stdout.split("LOADED")[1].split()
    assert "protein_enn.cli.doctor" in modules and "protein_enn.cli.designing" not in modules


def test_a_misspelled_command_ends_with_the_nearest_one() -> None:
    done = run("refne")
    assert done.returncode == 2 and "refine" in done.stderr


def test_the_package_is_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "protein_enn", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == __version__
