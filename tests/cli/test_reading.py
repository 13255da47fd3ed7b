"""The options that say how files are read, standard input, and names that must do no harm."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from protein_enn.cli import app
from protein_enn.cli.batch import items
from protein_enn.cli.output import printable, write_rows
from protein_enn.io.batch import unique_names

RUNNER = CliRunner()
Helix = Callable[..., str]
READERS = ("audit", "refine", "score", "scan", "design", "pack", "validate")


@pytest.fixture
def ensemble(tmp_path: Path, helix: Helix, sequence: tuple[str, ...]) -> Path:
    """Two models, the second of which is shorter."""
    models = [helix(sequence[:n]).replace("END\n", "ENDMDL\n") for n in (12, 9)]
    path = tmp_path / "x.pdb"
    path.write_text("".join(f"MODEL     {i:4d}\n{text}" for i, text in enumerate(models, 1)) + "END\n")
    return path


def rows(*arguments: str, stdin: bytes | None = None) -> list[dict]:
    result = RUNNER.invoke(app, [*arguments, "--json"], input=stdin)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_one_model_or_all_of_them(ensemble: Path, weights: dict[str, str], tmp_path: Path) -> None:
    x = str(ensemble)
    assert [row["residues"] for row in rows("audit", x)] == [12]
    (second,) = rows("audit", x, "--model", "2")
    assert (second["name"], second["residues"], second["model"], second["models"]) == ("x", 9, 2, 2)
    both = [("x_model1", 12), ("x_model2", 9)]
    design = ("--weights", weights["design"])
    assert [(row["name"], row["residues"]) for row in rows("audit", x, "--all-models")] == both
    assert [(row["name"], row["residues"]) for row in rows("validate", x, "--all-models")] == both
    assert [(row["name"], row["residues"]) for row in rows("score", x, "--all-models", *design)] == both
    answers = rows("scan", x, "--all-models", *design)
    assert [(row["name"], len(row["mutations"])) for row in answers] == [(name, 19 * n) for name, n in both]
    answers = rows("design", x, "--all-models", *design)
    assert [(row["name"], len(row["designs"][0]["sequence"])) for row in answers] == both
    packing = ("--weights", weights["packing"], "-o", str(tmp_path / "packed"))
    assert [(row["name"], row["residues"]) for row in rows("pack", x, "--all-models", *packing)] == both
    assert [row["models"] for row in rows("audit", str(tmp_path / "packed" / "x_model2.pdb"))] == [1]
    out = tmp_path / "out"
    command = ("refine", x, "--all-models", "-o", str(out), "--weights", weights["refinement"])
    assert [(row["name"], row["residues"]) for row in rows(*command)] == both
    made = {f"x_model{i}{suffix}" for i in (1, 2) for suffix in (".pdb", ".refinement.json")}
    assert {path.name for path in out.iterdir()} == {*made, "refine.csv"}
    (second,) = rows("audit", str(out / "x_model2.pdb"))
    assert (second["residues"], second["models"]) == (9, 1), "a file of its own, not the second model of a copy"
    result = RUNNER.invoke(app, ["refine", str(out / "x_model2.pdb"), *command[2:], "--json"])
    assert result.exit_code == 2 and "overwritten" in result.output


def test_a_file_called_like_a_model_of_another_gets_another_name() -> None:
    assert unique_names([Path("x_model2.pdb"), Path("x.pdb"), Path("y_model1.pdb")]) == ["x_model2-2", "x", "y_model1"]


@pytest.mark.parametrize("command", READERS)
def test_every_command_that_reads_has_the_options(command: str, ensemble: Path, tmp_path: Path) -> None:
    arguments = [command, str(ensemble), *(["-o", str(tmp_path / "out")] if command in ("refine", "pack") else [])]
    result = RUNNER.invoke(app, [*arguments, "--all-models", "--model", "2"])
    assert result.exit_code == 2 and "leave out" in result.output
    assert RUNNER.invoke(app, [*arguments, "--model", "0"]).exit_code == 2


def test_options_reach_the_reader(ensemble: Path, helix: Helix) -> None:
    lines = helix().splitlines()
    lines[0] = lines[0][:30] + " " * 24 + lines[0][54:]
    ensemble.write_text("\n".join(lines))
    assert RUNNER.invoke(app, ["audit", str(ensemble)]).exit_code == 1
    (row,) = rows("audit", str(ensemble), "--lenient", "--predicted")
    assert row["audit"]["atoms"]["dropped"] == {"no coordinates": 1} and row["predicted"] is True
    result = RUNNER.invoke(app, ["audit", str(ensemble), "--lenient", "--assembly", "nonesuch"])
    assert result.exit_code == 1 and "nonesuch" in result.stdout
    ensemble.write_text("data_other\n_entry.id other\n")
    result = RUNNER.invoke(app, ["audit", str(ensemble), "--block", "nonesuch"])
    assert result.exit_code == 1 and "nonesuch" in result.stdout


def test_standard_input(ensemble: Path) -> None:
    (row,) = rows("audit", "-", "--model", "2", stdin=ensemble.read_bytes())
    assert (row["name"], row["file"], row["residues"]) == ("stdin", "-", 9)
    for given in ("-", str(ensemble)):
        result = RUNNER.invoke(app, ["audit", "-", given, "--json"], input=ensemble.read_bytes())
        assert result.exit_code == (2 if given == "-" else 0), result.output


def test_standard_input_that_is_a_terminal_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(typer.BadParameter, match="terminal"):
        items(["-"])


def test_a_file_called_hyphen_is_not_standard_input(
    ensemble: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ensemble.rename(tmp_path / "-")
    monkeypatch.chdir(tmp_path)
    (row,) = rows("audit", "./-", stdin=b"")
    assert row["residues"] == 12 and row["file"] == str(tmp_path / "-")


def test_no_cell_of_a_table_is_a_formula(tmp_path: Path) -> None:
    dangerous = ["=cmd|' /C calc'!A0", "+1+2", "-1+2", "@SUM(A1)", "\t=1", "\r=1"]
    harmless: list[object] = ["a=b", "-", "A-2", -1.5, -3, "", None]
    written = [{"x": value} for value in [*dangerous, *harmless]]
    write_rows(tmp_path / "t.csv", written, ("x",))
    with (tmp_path / "t.csv").open(newline="") as file:
        cells = [row["x"] for row in csv.DictReader(file)]
    assert cells == [*(f"'{printable(text)}" for text in dangerous), "a=b", "-", "A-2", "-1.5", "-3", "", ""]


def test_names_of_files_stay_in_their_folder() -> None:
    hostile = ["..pdb", "...cif", ".pdb", "a/../b.pdb", "/", "..", "a\0b.pdb", "a\\..\\b.cif", "\x1b[31m.pdb", "a\nb"]
    for name in unique_names([Path(text) for text in hostile]):
        assert name == name.lstrip(".") and not {*"/\\\0\n\x1b"} & {*name}, name


def test_hostile_names_of_inputs(helix: Helix, weights: dict[str, str], tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "deep" / "out"
    folder.mkdir()
    names = ["=cmd|x.pdb", "..pdb", "a\\..\\b.pdb", "\x1b[31mred.pdb", os.fsdecode(b"\xff.pdb"), "n" * 240 + ".pdb"]
    for name in names:
        (folder / name).write_text(helix())
    inputs = [*(str(folder / name) for name in names), "../../nonesuch.pdb", "a\0b.pdb"]
    command = ["refine", *inputs, "-o", str(out), "--weights", weights["refinement"], "--steps", "0"]
    result = RUNNER.invoke(app, command)
    assert result.exit_code == 1 and "Traceback" not in result.output and "\x1b[31m" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "in"]
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    with (out / "refine.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [bool(row["error"]) for row in table] == [False] * 5 + [True] * 3
    assert table[0]["name"] == "'=cmd|x"


def test_tables_do_not_replace_inputs(ensemble: Path, weights: dict[str, str]) -> None:
    before = ensemble.read_bytes()
    design = ["--weights", weights["design"]]
    options = [["audit"], ["validate"], ["score", *design], ["scan", *design], ["design", *design]]
    for command in options:
        assert RUNNER.invoke(app, [*command, str(ensemble), "-o", str(ensemble)]).exit_code == 2
    assert RUNNER.invoke(app, ["score", *design, str(ensemble), "--records", str(ensemble)]).exit_code == 2
    assert ensemble.read_bytes() == before


def test_what_is_printed_cannot_act() -> None:
    assert printable("a\x1b[2Jb\u202ec\udcff\tÅ") == "a\\x1b[2Jb\\u202ec\\udcff\\tÅ"


@pytest.fixture
def impossible(tmp_path: Path, helix: Helix, sequence: tuple[str, ...]) -> Path:
    """A helix one atom of which is given again elsewhere."""
    path = tmp_path / "x.pdb"
    lines = helix(sequence).splitlines()
    again = f"{lines[6][:30]}{99.0:8.3f}{99.0:8.3f}{99.0:8.3f}{lines[6][54:]}"
    path.write_text("\n".join([*lines[:7], again, *lines[7:], ""]))
    return path


def test_results_for_a_file_that_was_repaired_carry_the_error(
    impossible: Path, weights: dict[str, str], tmp_path: Path
) -> None:
    x, design = str(impossible), ("--weights", weights["design"])
    assert RUNNER.invoke(app, ["audit", x]).exit_code == 1
    refine = ("refine", x, "-o", str(tmp_path / "out"), "--weights", weights["refinement"])
    for command in (("validate", x), ("score", x, *design), ("design", x, *design), refine):
        (row,) = rows(*command)
        assert row["audit_severity"] == "error", command
    assert (tmp_path / "out" / "x.pdb").is_file()


def test_without_repair_a_file_with_an_impossible_atom_is_refused(impossible: Path, weights: dict[str, str]) -> None:
    for command in (("validate",), ("score", "--weights", weights["design"])):
        result = RUNNER.invoke(app, [command[0], str(impossible), "--no-repair", *command[1:]])
        assert result.exit_code == 1 and "already given" in result.output
