"""The options of `protein-enn refine`, of its class, of the script and of the guide are the same."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.cli.options_from import dashes, options_from
from protein_enn.cli.refinement import COLUMNS
from protein_enn.refinement import RefineOptions

RUNNER = CliRunner()


DOCS = Path(__file__).parents[2] / "docs" / "how-to" / "refinement.md"


def test_the_script_takes_the_options_of_the_command() -> None:
    import refine as script

    parser = argparse.ArgumentParser()
    script.add_options(parser)
    defaults = {option.name: option.default for option in fields(RefineOptions)}
    assert vars(parser.parse_args([])) == defaults
    assert set(parser.format_usage().replace("]", " ").replace("[", " ").split()) >= set(
        map(dashes, fields(RefineOptions))
    )
    assert vars(parser.parse_args(["--residues", "A:1"])) == {**defaults, "region": "A:1"}


def test_the_options_of_the_command_are_those_of_the_class() -> None:
    command = typer.main.get_command(app).commands["refine"]  # type: ignore[attr-defined]
    shown = {param.name: param for param in command.params}
    for option in fields(RefineOptions):
        param = shown[option.name]
        assert param.opts == [dashes(option)] and not param.secondary_opts
        assert param.help == option.metadata["help"] and param.default == option.default
        assert param.rich_help_panel == option.metadata.get("panel")


def test_the_guide_explains_every_column() -> None:
    guide = DOCS.read_text()
    missing = [name for name in COLUMNS if f"`{name}`" not in guide]
    assert not missing, f"docs/how-to/refinement.md says nothing of the columns {missing}"


def test_the_table_of_controls_means_the_same_in_both_columns_and_has_every_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hold.csv", "c2.txt"):
        Path(name).touch()
    monkeypatch.setattr("protein_enn.refinement.options.RELAX_NEEDS", ())
    asked: list[RefineOptions] = []

    @options_from(RefineOptions)
    def take(options: RefineOptions) -> None:
        asked.append(options)

    parser = typer.Typer()
    parser.command()(take)
    table = DOCS.read_text().partition("| wish | command | API |\n|---|---|---|\n")[2].partition("\n\n")[0]
    explained: set[str] = set()
    for line in table.splitlines():
        _, command, call = (re.findall(r"`([^`]+)`", cell) for cell in line.strip("| ").split(" | "))
        arguments = shlex.split(command[0].removeprefix("refine X -o out "))
        assert RUNNER.invoke(parser, arguments).exit_code == 0, line
        keywords = call[0].removeprefix("pe.refine(s, ").removesuffix(")")
        there, here = asked[-1].to_dict(), eval(f"RefineOptions({keywords})").to_dict()  # as in the guide
        assert there == here, line
        explained |= {option.name for option in fields(RefineOptions) if here[option.name] != option.default}
    assert explained == {option.name for option in fields(RefineOptions)}
