"""Old spellings of options work, say what they are called now, and are written nowhere; one word has one meaning."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from protein_enn.cli import app
from protein_enn.cli.old_spellings import OLD_SPELLINGS, TASK_FIRST, OldSpelling, with_new_names

ROOT = Path(__file__).resolve().parents[2]
TEXTS = (
    *(
        "README.md",
        "CONTRIBUTING.md",
        "docs/**/*.md",
        "protein_enn/weights/*.md",
        "notebooks/*.ipynb",
        "configs/**/*.yaml",
    ),
    *("Snakefile", "workflow/**/*.smk", "scripts/*.py", "benchmarks/*", "container/*"),
)
REQUIRED = {
    "refine": ["x.pdb", "-o", "out"],
    "rank": ["x.pdb", "-o", "x.csv"],
    "certify": [],
    "fetch": ["1abc", "-o", "out"],
    "embed": ["x.pdb", "-o", "out"],
    "label": [".", "--teacher", __file__, "-o", "out"],
    "train": [__file__, "-o", "out"],
    "finetune": ["-o", "out"],
    "calibrate": ["--data", "."],
    **{
        f"evaluate {task}": ["--data", ".", "--split", "all"]
        for task in ("design", "refinement", "mutations", "packing")
    },
}
"""What each command needs besides; of the others a file is enough."""
VALUES = {"N": "2", "FILE": __file__, "STORE": ".", "FOLDER": ".", "SELECTION": "A:1", "SOURCE": "pdb"}
EXPLAINED_APART = {
    *(
        "-o",
        "--data",
        "--split",
        "--residues",
        "--fixed",
        "--omit",
        "--records",
        "--weights",
        "--language-weights",
        "--condition",
    ),
    *(
        "--force",
        "--format",
        "--idealize",
        "--interface",
        "--plot",
        "--precision",
        "--samples",
        "--structures",
        "--temperature",
    ),
    *("--orders", "--details", "--steps", "--processes", "--valid-fraction"),
}
"""Options of several commands whose help differs, for it says what the command does with the thing.

An option may be added here only if it is the same thing in all of its commands.
"""
Run = Callable[[list[str]], dict[str, Any]]


def leaves(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its path, such as `evaluate design`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


@pytest.fixture
def run() -> Run:
    """Parses a command line, and gives the command with what it would have been called with."""
    program: Any = typer.main.get_command(app)
    received: dict[str, Any] = {}
    for path, command in leaves(program):
        command.callback = lambda path=path, **given: received.update(given, path=path)

    def parse(words: list[str]) -> dict[str, Any]:
        received.clear()
        program.main(words, "protein-enn", standalone_mode=False)
        return dict(received)

    return parse


def words_of(spelling: OldSpelling, text: str) -> list[str]:
    """A command line with the option as it stands in the table: `--old FILE`, with a value in place of FILE."""
    return [*spelling.command.split(), *REQUIRED.get(spelling.command, [__file__]), *valued(text)]


def valued(text: str) -> list[str]:
    return [VALUES.get(word, word) for word in text.split()]


@pytest.mark.parametrize("spelling", OLD_SPELLINGS, ids=lambda one: f"{one.command} {one.name}")
def test_an_old_spelling_means_the_new_one_and_says_so(
    spelling: OldSpelling, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    new = run(words_of(spelling, spelling.new))
    assert new["path"] == spelling.command and not capsys.readouterr().err
    assert run(words_of(spelling, spelling.old)) == new
    assert capsys.readouterr().err == f"{spelling.note}\n"
    assert spelling.new in spelling.note


@pytest.mark.parametrize("spelling", [one for one in OLD_SPELLINGS if one.takes_value], ids=lambda one: one.note)
def test_a_value_behind_an_equals_sign_is_taken_along(spelling: OldSpelling, run: Run) -> None:
    old = "=".join(valued(spelling.old))
    assert run(words_of(spelling, old)) == run(words_of(spelling, spelling.new))


def test_no_help_lists_an_old_spelling() -> None:
    program: Any = typer.main.get_command(app)
    listed = {(path, name): one for path, command in leaves(program) for one in command.params for name in one.opts}
    for spelling in OLD_SPELLINGS:
        found = listed.get((spelling.command, spelling.name))
        # `--json FILE` of certify became `--output FILE`, and `--json` the flag that it is everywhere.
        assert found is None or (found.is_flag and spelling.takes_value), spelling


def test_the_task_of_an_evaluation_may_stand_last(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--split", "design", "--json", "--data", "."]
    first = run(["evaluate", "mutations", *options])
    assert first["path"] == "evaluate mutations" and first["split"] == "design" and not capsys.readouterr().err
    assert (
        run(["evaluate", *options, "mutations"]) == run(["evaluate", *options[:2], "mutations", *options[2:]]) == first
    )
    assert capsys.readouterr().err == f"{TASK_FIRST}\n" * 2


def test_a_value_that_looks_like_an_old_option_stays(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", ".", "-o", "x.html", "--title", "--from"])["title"] == "--from"
    assert run(["score", "x.pdb", "--interface", "--designed"])["interface"] == "--designed"
    assert not capsys.readouterr().err


def test_json_of_certify_is_the_flag_where_no_file_follows(run: Run) -> None:
    assert run(["certify", "--json", "--seed", "3"])["as_json"]
    printed = run(["certify", "--json", "-"])
    assert not printed["as_json"] and printed["output"] == Path("-")


def commands_in(text: str) -> Iterator[str]:
    """What stands behind `protein-enn` in a text, to the end of the line or of the code; broken lines are joined."""
    text = re.sub(r'\\\n\s*|"\n\s*f?"|\\"', " ", text)
    for found in re.finditer(r"protein-enn ([a-z][^\n`|#;>]*)", text):
        yield found[1]


def test_no_text_uses_an_old_spelling() -> None:
    program: Any = typer.main.get_command(app)
    commands = dict(leaves(program))
    files = [path for pattern in TEXTS for path in ROOT.glob(pattern) if path.is_file()]
    checked = 0
    for file in files:
        for line in commands_in(file.read_text(encoding="utf-8")):
            words = shlex.split(line.replace("'", "").replace('"', ""))
            path = next((p for p in (" ".join(words[:2]), words[0]) if p in commands), "")
            spellings = [one for one in OLD_SPELLINGS if one.command == path and one.name.startswith("-")]
            _, notes = with_new_names(words, commands[path].params if path else (), spellings)
            assert not notes, f"{file.relative_to(ROOT)}: {line}: {notes}"
            checked += bool(path)
    assert checked > 80


def test_one_word_has_one_meaning() -> None:
    program: Any = typer.main.get_command(app)
    kinds: dict[str, set[bool]] = defaultdict(set)
    helps: dict[str, set[str]] = defaultdict(set)
    for _, command in leaves(program):
        for one in command.params:
            if one.param_type_name == "option":
                kinds[one.opts[0]].add(one.is_flag)
                helps[one.opts[0]].add(one.help)
    assert not [name for name, found in kinds.items() if len(found) > 1], (
        "with a value in one command, without in another"
    )
    assert {name for name, found in helps.items() if len(found) > 1} == EXPLAINED_APART
